//! The catalogue of a provider.

use std::io::Write;

use mcp_govern_core::{EditionId, Provider as _, ProviderInfo};
use mcp_govern_openapi::{OpenApiProvider, catalog_line};

use crate::failure::Failure;

/// Prints every tool of a provider, or of one of its editions, one JSON object per line.
pub(crate) fn print(
    provider: &OpenApiProvider,
    edition: Option<&EditionId>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let catalogue = provider.catalogue_of(edition).ok_or_else(|| unknown(provider.info(), edition))?;
    for tool in &catalogue.tools {
        serde_json::to_writer(&mut *out, &catalog_line(tool, &provider.info().id))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// That a provider has no such edition.
pub(crate) fn unknown(info: &ProviderInfo, edition: Option<&EditionId>) -> Failure {
    let known: Vec<String> = info.editions.iter().map(|edition| format!("`{}`", edition.id)).collect();
    let known = if known.is_empty() { "it has one form alone".to_owned() } else { known.join(" or ") };
    let asked = edition.map(ToString::to_string).unwrap_or_default();
    Failure::usage(format!("provider `{}` has no edition `{asked}`: expected {known}", info.id))
}

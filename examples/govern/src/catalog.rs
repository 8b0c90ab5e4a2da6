//! The catalogue of a provider.

use std::io::Write;

use mcp_govern_core::Provider as _;
use mcp_govern_openapi::{OpenApiProvider, catalog_line};

use crate::failure::Failure;

/// Prints every tool of a provider, one JSON object per line.
pub(crate) fn print(provider: &OpenApiProvider, out: &mut impl Write) -> Result<(), Failure> {
    for tool in &provider.catalogue().tools {
        serde_json::to_writer(&mut *out, &catalog_line(tool, &provider.info().id))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

//! The catalogue of a provider.

use std::io::Write;

use example_vendors::Vendor;
use mcp_govern_core::Provider;
use mcp_govern_openapi::catalog_line;

use crate::failure::Failure;

/// Prints every tool of a provider, one JSON object per line.
pub(crate) fn print(vendor: Vendor, out: &mut impl Write) -> Result<(), Failure> {
    let provider = vendor.provider()?;
    for tool in &provider.catalogue().tools {
        serde_json::to_writer(&mut *out, &catalog_line(tool, &provider.info().id))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

//! Merges the files of `api/` into one JSON document, which the library embeds: JSON is read many times faster than YAML.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Path::new(&env::var("OUT_DIR")?).join("api.json");
    mcp_govern_openapi::merge_directory(Path::new("api"), &target)?;
    println!("cargo::rerun-if-changed=api");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

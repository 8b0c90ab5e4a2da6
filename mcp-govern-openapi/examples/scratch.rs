//! scratch
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::expect_used, clippy::allow_attributes_without_reason, clippy::allow_attributes)]
use mcp_govern_core::Provider;
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let out = std::path::PathBuf::from("/tmp/merged.json");
    if let Err(e) = mcp_govern_openapi::merge_directory(std::path::Path::new(&dir), &out) { eprintln!("MERGE {e}"); return; }
    let text = std::fs::read_to_string(&out).unwrap();
    let t = std::time::Instant::now();
    match mcp_govern_openapi::OpenApiProvider::from_document(&text) {
        Err(e) => eprintln!("LOAD {e}"),
        Ok(p) => {
            eprintln!("loaded {} tools in {:?} from {} bytes", p.catalogue().tools.len(), t.elapsed(), text.len());
            for l in p.lint() { eprintln!("LINT {l}"); }
            for tool in &p.catalogue().tools { println!("{}", mcp_govern_openapi::catalog_line(tool, &p.info().id)); }
        }
    }
}

//! The digests of a provider's catalogue, held by a file: what reviewers approved is not changed by accident.

use std::{fmt::Write as _, path::Path};

use mcp_govern_core::Catalogue;

use crate::Failure;

/// Compares the digest of every tool's definition with a file of lines `name sha256:…`, sorted by name.
///
/// A digest is what an approval holds on to. A change of form alone (other keys in a document, another order) leaves all digests as
/// they are; where one differs, whoever approved the tool reviews it again. With the environment variable `UPDATE` set the file is
/// written anew.
///
/// # Errors
///
/// When a definition has no digest, the file cannot be read or written, or lines differ: the message names the tools.
pub fn holds_digests(catalogue: &Catalogue, file: &Path) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for tool in &catalogue.tools {
        let digest = tool.digest().map_err(|error| Failure::new(format!("`{}` has no digest: {error}", tool.name)))?;
        lines.push(format!("{} {digest}", tool.name));
    }
    lines.sort();
    let due = lines.iter().fold(String::new(), |text, line| text + line + "\n");
    let unusable = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(file, due).map_err(unusable);
    }
    let known = std::fs::read_to_string(file).map_err(unusable)?;
    let known: Vec<&str> = known.lines().collect();
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let changed = lines.iter().filter(|line| !known.contains(&line.as_str())).map(|line| name(line));
    let gone = known.iter().filter(|line| !lines.iter().any(|due| name(due) == name(line))).map(|line| name(line));
    let differing: Vec<String> = changed.chain(gone).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let mut text = String::from("the definitions of these tools are no longer those of ");
    let _ = write!(text, "{}: {}. ", file.display(), differing.join(", "));
    text.push_str(
        "Where that is meant, raise `catalogue` and run the test with UPDATE=1: everybody reviews these tools again",
    );
    Err(Failure::new(text))
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::CatalogueVersion;

    use super::*;

    #[test]
    fn a_tool_that_is_gone_and_a_file_that_is_missing_are_named() {
        let empty = Catalogue::new(CatalogueVersion(1), Vec::new()).unwrap();
        let directory = std::env::temp_dir().join(format!("mcp-govern-digests-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("digests.txt");
        assert!(holds_digests(&empty, &file).unwrap_err().to_string().contains("digests.txt"));
        std::fs::write(&file, "list_things sha256:00\n").unwrap();
        let gone = holds_digests(&empty, &file).unwrap_err().to_string();
        std::fs::write(&file, "").unwrap();
        let same = holds_digests(&empty, &file);
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(gone.contains("list_things") && gone.contains("UPDATE=1"), "{gone}");
        assert!(same.is_ok());
    }
}

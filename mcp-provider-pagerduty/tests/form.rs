//! The form of the rows, and what it must not change.

use std::path::Path;

use mcp_govern_conformance::digests::holds_digests;
use mcp_govern_openapi::lint_directory;
use mcp_provider_pagerduty::provider;

/// What reviewers approved is approved by its digest. Run with `UPDATE=1` where a change of meaning is wanted.
#[test]
fn no_definition_changes_unless_its_digest_in_the_file_does() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/digests.txt");
    holds_digests(provider().unwrap().catalogue(), &file).unwrap();
}

#[test]
fn the_files_say_first_what_a_reviewer_looks_for_and_nothing_that_holds_anyway() {
    let remarks = lint_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("api")).unwrap();
    assert_eq!(remarks, Vec::<String>::new());
}

//! The encoding of audit records of version 1, which every later release reads. A line of the file is never changed; a new form is a
//! new line.

use std::path::PathBuf;

use mcp_govern_core::{
    Digest,
    audit::{AuditChain, AuditRecord, ChainedRecord, verify},
    ports::StoredRecord,
};

/// The chains, each with the hash of its last record: it covers every byte of every record.
const CHAINS: [(&str, &str); 2] = [
    ("records.jsonl", "sha256:a15fc3d8f6692baa8f38ebb31535142eb623e49d3c1eed3d388540a4988c61e0"),
    ("stated_client.jsonl", "sha256:954be9d801b16c131743bc8010da4dc0c5474dfd44eba409da3253f9596bef73"),
];

fn lines(file: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit_v1").join(file);
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_record_of_version_1_is_read_and_written_back_byte_for_byte() {
    for (file, head) in CHAINS {
        let mut chain = AuditChain::new();
        let mut kept: Vec<StoredRecord> = Vec::new();
        for line in lines(file) {
            let record: ChainedRecord = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
            let stored = chain.append(record.at, record.entry).unwrap();
            assert_eq!(std::str::from_utf8(&stored.bytes).unwrap(), line);
            assert_eq!(stored.hash, Digest::of_bytes(line.as_bytes()));
            kept.push(stored);
        }
        assert_eq!(kept.last().unwrap().hash.to_string(), head, "{file}");
        let verification = verify(&kept);
        assert!(
            verification.is_intact() && verification.closed && verification.unfinished.is_empty(),
            "{verification:?}"
        );
    }
}

#[test]
fn every_kind_of_record_has_a_golden_line() {
    let words: std::collections::BTreeSet<String> = lines("records.jsonl")
        .iter()
        .map(|line| {
            let record: ChainedRecord = serde_json::from_str(line).unwrap();
            match &record.entry {
                AuditRecord::Outcome(outcome) => serde_json::to_value(&outcome.result).unwrap()["result"].to_string(),
                AuditRecord::Mark(mark) => serde_json::to_value(mark).unwrap()["mark"].to_string(),
                other => serde_json::to_value(other).unwrap()["record"].to_string(),
            }
        })
        .collect();
    let expected =
        ["abandoned", "closed", "denial.v1", "denials_lost", "denied", "failure", "intent.v1", "opened", "success"];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), expected.map(|word| format!("\"{word}\"")));
}

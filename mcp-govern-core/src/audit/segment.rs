//! Segments: the old end of a chain, outside of the store, in a form that can be verified wherever it lies.
//!
//! A file of a segment is lines of JSON. The first is the header: whose chain it is, where the segment begins and ends, how many
//! records it holds, a digest over them, and a MAC under the audit key over all of that. Every further line is a record, as
//! [`StoredRecord::to_json_line`] writes it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AuditKey, AuditRecord, RecordError, RecordKind, Verifier};
use crate::{
    ports::{AuditHead, StoredRecord, WriterId},
    vocabulary::{CallId, Digest, TenantId, Timestamp},
};

/// What a file of this kind says of itself.
const FORM: &str = "mcp-govern/audit-segment.v1";

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SegmentHeader {
    /// The form of the file: `mcp-govern/audit-segment.v1`.
    segment: String,
    /// The tenant.
    pub tenant: TenantId,
    /// Who wrote the chain.
    pub writer: WriterId,
    /// The last record before the segment; [`AuditHead::EMPTY`] where it begins with the chain.
    pub after: AuditHead,
    /// The last record of the segment.
    pub through: AuditHead,
    /// How many records it holds.
    pub records: u64,
    /// When the first of them was written.
    pub from: Timestamp,
    /// When the last of them was written.
    pub until: Timestamp,
    /// Calls that began in it and of which no end is on record: it is unknown whether the vendor did what was asked. They are here
    /// so that they are still found when the segment has been dropped.
    pub unknown: BTreeSet<CallId>,
    /// SHA-256 over the lines of the records, each with its line's end.
    pub content: Digest,
    /// HMAC-SHA-256 under the audit key over the header without this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Digest>,
}

/// The old end of a chain, sealed: what is to be kept elsewhere before it is dropped from the store.
///
/// The same records under the same key make the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSegment {
    header: SegmentHeader,
    bytes: Vec<u8>,
}

/// Why a file is not a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// A line is not what it must be.
    #[error("line {line} is not a line of a segment: {reason}")]
    Unreadable {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The records are not those of the header.
    #[error("the records are not those that the header speaks of: {0}")]
    Changed(String),
    /// The header was not written under this key, or it was changed.
    #[error("the header does not hold under this audit key: it was changed, or sealed under another key")]
    Mac,
}

impl AuditSegment {
    /// Seals records that follow `after` in a writer's chain; `unknown` are the calls of which no end is on record.
    ///
    /// # Errors
    ///
    /// When there is no record, or one has no JSON form.
    pub(crate) fn seal(
        key: &AuditKey,
        tenant: &TenantId,
        writer: &WriterId,
        after: AuditHead,
        unknown: BTreeSet<CallId>,
        records: &[StoredRecord],
    ) -> Result<Self, RecordError> {
        let unwritable = |reason: String| RecordError::Unwritable(reason);
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Err(unwritable("a segment holds at least one record".to_owned()));
        };
        let mut lines = Vec::new();
        for record in records {
            lines.extend_from_slice(record.to_json_line(writer)?.as_bytes());
            lines.push(b'\n');
        }
        let mut header = SegmentHeader {
            segment: FORM.to_owned(),
            tenant: tenant.clone(),
            writer: writer.clone(),
            after,
            through: AuditHead { sequence: last.sequence, hash: last.hash },
            records: u64::try_from(records.len()).unwrap_or(u64::MAX),
            from: first.at,
            until: last.at,
            unknown,
            content: Digest::of_bytes(&lines),
            mac: None,
        };
        header.mac = Some(header.mac_under(key)?);
        let mut bytes = serde_json::to_vec(&header).map_err(|error| unwritable(error.to_string()))?;
        bytes.push(b'\n');
        bytes.append(&mut lines);
        Ok(Self { header, bytes })
    }

    /// Reads a file, and verifies that it holds what its header says. The MAC is checked where the key is at hand; without it, a
    /// person who could write the file could have written all of it.
    ///
    /// # Errors
    ///
    /// When it is not a segment, or was changed.
    pub fn open(bytes: impl Into<Vec<u8>>, key: Option<&AuditKey>) -> Result<Self, SegmentError> {
        let bytes = bytes.into();
        let unreadable = |line, reason: String| SegmentError::Unreadable { line, reason };
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (first, lines) = bytes.split_at(end);
        let header: SegmentHeader = serde_json::from_slice(first).map_err(|error| unreadable(1, error.to_string()))?;
        if header.segment != FORM {
            return Err(unreadable(1, format!("expected `{FORM}`")));
        }
        if Digest::of_bytes(lines.get(1..).unwrap_or_default()) != header.content {
            return Err(SegmentError::Changed("they have another digest".to_owned()));
        }
        let segment = Self { header, bytes };
        if let Some(key) = key {
            segment.check_mac(key)?;
        }
        let mut verifier = Verifier::after(segment.header.after).with_anchor(segment.header.through);
        segment.read_into(&mut verifier)?;
        let found = verifier.finish();
        match found.broken {
            Some(broken) => Err(SegmentError::Changed(broken.to_string())),
            None if found.head != segment.header.through => {
                Err(SegmentError::Changed(format!("they end at {}", found.head.sequence)))
            }
            None => Ok(segment),
        }
    }

    /// What the segment says of itself.
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file: what the journal keeps when the segment is dropped.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(&self.bytes)
    }

    /// Verifies that the header was written under this key.
    ///
    /// # Errors
    ///
    /// When it was not.
    pub fn check_mac(&self, key: &AuditKey) -> Result<(), SegmentError> {
        let mac = self.header.mac_under(key).map_err(|_| SegmentError::Mac)?;
        if self.header.mac == Some(mac) { Ok(()) } else { Err(SegmentError::Mac) }
    }

    /// Hands the records to a verifier whose head is where the segment begins.
    ///
    /// # Errors
    ///
    /// When a line is not a record of this writer's chain. Records that do not hold are the verifier's finding.
    pub fn read_into(&self, verifier: &mut Verifier) -> Result<(), SegmentError> {
        let unreadable = |line, reason: String| SegmentError::Unreadable { line, reason };
        for (index, line) in
            self.bytes.split(|byte| *byte == b'\n').enumerate().skip(1).filter(|(_, line)| !line.is_empty())
        {
            let number = index.saturating_add(1);
            let text = std::str::from_utf8(line).map_err(|error| unreadable(number, error.to_string()))?;
            let (writer, record) =
                StoredRecord::from_json_line(text).map_err(|error| unreadable(number, error.to_string()))?;
            if writer != self.header.writer {
                return Err(unreadable(number, format!("a record of `{writer}`")));
            }
            verifier.push(&record);
        }
        Ok(())
    }
}

impl SegmentHeader {
    fn mac_under(&self, key: &AuditKey) -> Result<Digest, RecordError> {
        let header = Self { mac: None, ..self.clone() };
        let text = serde_json::to_vec(&header).map_err(|error| RecordError::Unwritable(error.to_string()))?;
        Ok(key.mac(&[b"mcp-govern/audit-segment/v1\0", &text[..]].concat()))
    }
}

/// How many of the oldest records of a chain that has not ended in order may be put aside: neither its last one nor anything from
/// the first call on of which they hold no end.
pub(crate) fn droppable(records: &[StoredRecord], head: AuditHead) -> Result<usize, RecordError> {
    let open = unended(records)?;
    let last = records.iter().take_while(|record| record.sequence < head.sequence).count();
    let first = records.iter().position(|record| record.kind == RecordKind::Intent && open.contains(&record.call));
    Ok(first.unwrap_or(last).min(last))
}

/// The calls that begin in these records and do not end in them.
pub(crate) fn unended(records: &[StoredRecord]) -> Result<BTreeSet<CallId>, RecordError> {
    let mut open = BTreeSet::new();
    for record in records {
        match record.open()?.entry {
            AuditRecord::Intent(intent) => {
                open.insert(intent.call);
            }
            AuditRecord::Outcome(outcome) => {
                open.remove(&outcome.call);
            }
            AuditRecord::Denial(_) | AuditRecord::Mark(_) => {}
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{AuditChain, BreakKind, CallDenial, Caller, WriterMark},
        denial::DenialCode,
        journal::Revision,
    };

    fn key() -> AuditKey {
        AuditKey::from_bytes([7; 32])
    }

    fn names() -> (TenantId, WriterId) {
        (TenantId::new("acme").unwrap(), WriterId::new("w-1").unwrap())
    }

    fn chain(records: u64) -> Vec<StoredRecord> {
        let mut chain = AuditChain::new();
        let mark = AuditRecord::Mark(WriterMark::Opened { revision: Revision(3), journal: Digest::ZERO });
        let denial = |number: u64| {
            AuditRecord::Denial(Box::new(CallDenial {
                call: CallId::new(format!("call-{number}")).unwrap(),
                caller: Caller::new(Digest::of_bytes(b"ada"), "client"),
                name: "x_y".into(),
                tool: None,
                code: DenialCode::NoGrant,
                revision: Revision(3),
                arguments_digest: None,
            }))
        };
        let entries = [mark].into_iter().chain((2..=records).map(denial));
        entries.zip(1..).map(|(entry, at)| chain.append(Timestamp::from_millis(at), entry).unwrap()).collect()
    }

    fn head(record: &StoredRecord) -> AuditHead {
        AuditHead { sequence: record.sequence, hash: record.hash }
    }

    fn sealed(after: AuditHead, records: &[StoredRecord]) -> AuditSegment {
        let (tenant, writer) = names();
        AuditSegment::seal(&key(), &tenant, &writer, after, BTreeSet::new(), records).unwrap()
    }

    #[test]
    fn a_segment_is_read_back_as_it_was_sealed_and_the_chain_goes_on_after_it() {
        let records = chain(9);
        let segment = sealed(AuditHead::EMPTY, &records[..5]);
        assert_eq!(AuditSegment::open(segment.bytes(), Some(&key())).unwrap(), segment);
        assert_eq!((segment.header().records, segment.header().through), (5, head(&records[4])));
        assert_eq!(
            sealed(AuditHead::EMPTY, &records[..5]).digest(),
            segment.digest(),
            "the same records, the same bytes"
        );
        // With the file, and without it.
        let mut whole = Verifier::new();
        segment.read_into(&mut whole).unwrap();
        let mut rest = Verifier::after(head(&records[4])).with_anchor(head(&records[2])).with_anchor(head(&records[4]));
        for record in &records[5..] {
            whole.push(record);
            rest.push(record);
        }
        let (whole, rest) = (whole.finish(), rest.finish());
        assert!(whole.is_intact() && rest.is_intact(), "{whole:?} {rest:?}");
        assert_eq!((whole.head, rest.head, rest.after), (head(&records[8]), head(&records[8]), head(&records[4])));
    }

    #[test]
    fn a_chain_that_does_not_go_on_from_the_dropped_record_is_broken() {
        let records = chain(9);
        for (begins, first, kind) in [(4, 6, BreakKind::Missing), (6, 5, BreakKind::Reordered)] {
            let mut verifier = Verifier::after(head(&records[begins]));
            records[first..].iter().for_each(|record| verifier.push(record));
            assert_eq!(verifier.finish().broken.unwrap().kind, kind);
        }
        let other = AuditHead { hash: Digest::of_bytes(b"another"), ..head(&records[4]) };
        let mut verifier = Verifier::after(other);
        records[5..].iter().for_each(|record| verifier.push(record));
        assert_eq!(verifier.finish().broken.unwrap().kind, BreakKind::DoesNotFollow);
        let anchored = Verifier::after(other).with_anchor(head(&records[4])).finish();
        assert_eq!(anchored.broken.unwrap().kind, BreakKind::NotAnchored, "the anchor knows another record there");
        let cut = Verifier::after(head(&records[4])).with_anchor(head(&records[8])).finish();
        assert_eq!(cut.broken.unwrap().kind, BreakKind::Truncated);
    }

    #[test]
    fn every_changed_byte_of_a_segment_is_found() {
        let segment = sealed(AuditHead::EMPTY, &chain(4));
        for place in 0..segment.bytes().len() {
            let mut spoiled = segment.bytes().to_vec();
            spoiled[place] ^= 1;
            assert!(AuditSegment::open(spoiled, Some(&key())).is_err(), "byte {place}");
        }
        let other = AuditKey::from_bytes([8; 32]);
        assert_eq!(AuditSegment::open(segment.bytes(), Some(&other)).unwrap_err(), SegmentError::Mac);
        assert!(AuditSegment::open(segment.bytes(), None).is_ok());
        for none in [&b""[..], b"{}", b"{}\n", &segment.bytes()[..segment.bytes().len() - 2]] {
            assert!(AuditSegment::open(none, None).is_err());
        }
    }

    #[test]
    fn of_a_chain_that_goes_on_the_last_record_stays() {
        let records = chain(6);
        assert_eq!(droppable(&records, head(&records[5])).unwrap(), 5);
        assert_eq!(droppable(&records[..4], head(&records[5])).unwrap(), 4);
        assert_eq!(droppable(&records[..1], head(&records[0])).unwrap(), 0);
    }
}

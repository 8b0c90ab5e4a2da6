//! Verification of a writer's chain, over the exact stored bytes.

use std::{collections::BTreeSet, fmt};

use super::{AuditRecord, WriterMark};
use crate::{
    ports::{AuditHead, StoredRecord},
    vocabulary::{CallId, Timestamp},
};

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakKind {
    /// The bytes do not have the hash under which they are stored.
    Changed,
    /// A record is not there.
    Missing,
    /// A record is at a place that is not its own, or is there twice.
    Reordered,
    /// The bytes are no record of a form that this release knows.
    Unreadable,
    /// The record does not name the hash of the one before, or is older than it: something before it was rewritten.
    DoesNotFollow,
    /// The columns that a store indexes say something else than the record.
    Misfiled,
    /// The newest records are gone: the anchor knows more of them.
    Truncated,
    /// The chain fits together, and is another one than the anchor knows.
    NotAnchored,
}

impl BreakKind {
    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::Unreadable => "unreadable",
            Self::DoesNotFollow => "does_not_follow",
            Self::Misfiled => "misfiled",
            Self::Truncated => "truncated",
            Self::NotAnchored => "not_anchored",
        }
    }
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("record {sequence}: {detail} ({kind})")]
#[non_exhaustive]
pub struct ChainBreak {
    /// The position in the writer's chain.
    pub sequence: u64,
    /// What is wrong there.
    pub kind: BreakKind,
    /// The same in a sentence.
    pub detail: String,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The head of the chain, as far as it holds.
    pub head: AuditHead,
    /// The last record that was dropped from the store, sealed, before the chain as it was verified; [`AuditHead::EMPTY`] where it was
    /// verified from its beginning.
    pub after: AuditHead,
    /// The first place where it does not hold.
    pub broken: Option<ChainBreak>,
    /// Calls with an intent and no outcome, as far as the chain holds: after a crash it is unknown how they ended. While the
    /// writer lives they are calls in flight.
    pub unfinished: BTreeSet<CallId>,
    /// Whether the writer ended in order: nothing may follow, and nothing is missing at the end.
    pub closed: bool,
}

impl Verification {
    /// Whether every record is as it was written.
    pub fn is_intact(&self) -> bool {
        self.broken.is_none()
    }
}

/// Verifies a writer's whole chain, oldest record first.
pub fn verify<'a>(records: impl IntoIterator<Item = &'a StoredRecord>) -> Verification {
    let mut verifier = Verifier::new();
    records.into_iter().for_each(|record| verifier.push(record));
    verifier.finish()
}

/// Verifies a writer's whole chain, and that it holds a head that was kept elsewhere.
pub fn verify_to<'a>(records: impl IntoIterator<Item = &'a StoredRecord>, anchor: AuditHead) -> Verification {
    let mut verifier = Verifier::new().with_anchor(anchor);
    records.into_iter().for_each(|record| verifier.push(record));
    verifier.finish()
}

/// Verifies a chain record by record: for chains that are read in pages.
#[derive(Debug, Clone)]
pub struct Verifier {
    found: Verification,
    last_at: Timestamp,
    anchors: Vec<AuditHead>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Begins before the first record.
    pub fn new() -> Self {
        Self::after(AuditHead::EMPTY)
    }

    /// Begins after a record that is not looked at, because everything up to it was sealed and dropped: its sequence and hash are those
    /// that the journal names. Heads that were kept of what lies before count as good: they were held against it when it was sealed.
    pub fn after(after: AuditHead) -> Self {
        let found = Verification { head: after, after, broken: None, unfinished: BTreeSet::new(), closed: false };
        Self { found, last_at: Timestamp::default(), anchors: Vec::new() }
    }

    /// With a head that was kept elsewhere, which the chain must hold; with another one, it must hold both.
    #[must_use]
    pub fn with_anchor(mut self, anchor: AuditHead) -> Self {
        self.anchors.push(anchor);
        self
    }

    /// Takes the next record. After the first break nothing is looked at any more.
    pub fn push(&mut self, record: &StoredRecord) {
        if self.found.broken.is_some() {
            return;
        }
        if let Err(broken) = self.check(record) {
            self.found.broken = Some(broken);
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Verification {
        let (head, after) = (self.found.head, self.found.after);
        if self.found.broken.is_none()
            && self.anchors.iter().any(|anchor| anchor.sequence == after.sequence && anchor.hash != after.hash)
        {
            let detail = "the record up to which the chain was dropped is another one than the anchor knows".to_owned();
            self.found.broken = Some(ChainBreak { sequence: after.sequence, kind: BreakKind::NotAnchored, detail });
        }
        // A chain is dropped as a whole only when it has ended.
        if head == after && after.sequence > 0 {
            self.found.closed = true;
        }
        let known = self.anchors.iter().map(|anchor| anchor.sequence).max().unwrap_or(0);
        if self.found.broken.is_none() && head.sequence < known {
            let detail = format!("the chain ends at {}, the anchor knows {known}", head.sequence);
            let sequence = head.sequence.saturating_add(1);
            self.found.broken = Some(ChainBreak { sequence, kind: BreakKind::Truncated, detail });
        }
        self.found
    }

    fn check(&mut self, stored: &StoredRecord) -> Result<(), ChainBreak> {
        let due = self.found.head.sequence.saturating_add(1);
        let refuse = |sequence, kind, detail: String| Err(ChainBreak { sequence, kind, detail });
        if stored.sequence > due {
            return refuse(due, BreakKind::Missing, format!("not there: record {} is next", stored.sequence));
        }
        if stored.sequence < due {
            let detail = format!("record {} is here", stored.sequence);
            return refuse(due, BreakKind::Reordered, detail);
        }
        if crate::vocabulary::Digest::of_bytes(&stored.bytes) != stored.hash {
            return refuse(due, BreakKind::Changed, "the bytes do not have the hash they are stored under".into());
        }
        let record = match stored.open() {
            Ok(record) => record,
            Err(error) => return refuse(due, BreakKind::Unreadable, error.to_string()),
        };
        if record.sequence != due {
            let detail = format!("the bytes of record {} are stored here", record.sequence);
            return refuse(due, BreakKind::Reordered, detail);
        }
        if record.previous != self.found.head.hash {
            return refuse(due, BreakKind::DoesNotFollow, "names another record before it than the one stored".into());
        }
        if record.at < self.last_at {
            return refuse(due, BreakKind::DoesNotFollow, "is older than the record before it".into());
        }
        if self.found.closed {
            return refuse(due, BreakKind::DoesNotFollow, "comes after the writer had closed its chain".into());
        }
        if !stored.is_filed_as(&record) {
            return refuse(due, BreakKind::Misfiled, "its columns say something else than the record".into());
        }
        if self.anchors.iter().any(|anchor| anchor.sequence == due && anchor.hash != stored.hash) {
            return refuse(due, BreakKind::NotAnchored, "is another one than the anchor knows".into());
        }
        self.found.head = AuditHead { sequence: due, hash: stored.hash };
        self.last_at = record.at;
        self.account(record.entry);
        Ok(())
    }

    fn account(&mut self, entry: AuditRecord) {
        match entry {
            AuditRecord::Intent(intent) => {
                self.found.unfinished.insert(intent.call);
            }
            AuditRecord::Outcome(outcome) => {
                self.found.unfinished.remove(&outcome.call);
            }
            AuditRecord::Mark(WriterMark::Closed) => self.found.closed = true,
            AuditRecord::Denial(_) | AuditRecord::Mark(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{AuditChain, CallDenial, Caller, ChainedRecord},
        denial::DenialCode,
        journal::Revision,
        vocabulary::Digest,
    };

    fn denial(number: u64) -> AuditRecord {
        AuditRecord::Denial(Box::new(CallDenial {
            call: CallId::new(format!("call-{number}")).unwrap(),
            caller: Caller::new(Digest::of_bytes(b"ada"), "client"),
            name: "x_y".into(),
            tool: None,
            code: DenialCode::NoGrant,
            revision: Revision(3),
            arguments_digest: None,
        }))
    }

    fn chain(length: u64) -> Vec<StoredRecord> {
        let mut chain = AuditChain::new();
        let at = |n| Timestamp::from_millis(i64::try_from(n).unwrap());
        (1..=length).map(|n| chain.append(at(n), denial(n)).unwrap()).collect()
    }

    fn broken(records: &[StoredRecord]) -> (u64, BreakKind) {
        let broken = verify(records).broken.expect("a break");
        (broken.sequence, broken.kind)
    }

    fn rewrite(record: &mut StoredRecord, change: impl FnOnce(&mut ChainedRecord)) {
        let mut opened = record.open().unwrap();
        change(&mut opened);
        *record = StoredRecord::seal(&opened).unwrap();
    }

    #[test]
    fn an_untouched_chain_is_intact() {
        let records = chain(5);
        let found = verify(&records);
        assert!(found.is_intact());
        assert_eq!(found.head, AuditHead { sequence: 5, hash: records[4].hash });
        assert!(verify_to(&records, found.head).is_intact());
        assert!(verify_to(&records, AuditHead { sequence: 2, hash: records[1].hash }).is_intact());
        assert!(verify(&[]).is_intact());
    }

    #[test]
    fn every_changed_byte_of_every_record_is_found_in_its_place() {
        let records = chain(3);
        for (index, record) in records.iter().enumerate() {
            for at in 0..record.bytes.len() {
                let mut changed = records.clone();
                let mut bytes = record.bytes.to_vec();
                bytes[at] ^= 1;
                changed[index].bytes = bytes.into();
                assert_eq!(broken(&changed), (record.sequence, BreakKind::Changed));
            }
        }
    }

    #[test]
    fn a_record_that_was_rewritten_with_its_hash_breaks_the_next_one() {
        let mut records = chain(4);
        rewrite(&mut records[1], |record| record.entry = denial(99));
        assert_eq!(broken(&records), (3, BreakKind::DoesNotFollow));
    }

    #[test]
    fn missing_doubled_and_swapped_records_are_named() {
        let mut missing = chain(4);
        missing.remove(1);
        assert_eq!(broken(&missing), (2, BreakKind::Missing));
        let mut first = chain(4);
        first.remove(0);
        assert_eq!(broken(&first), (1, BreakKind::Missing));
        let mut doubled = chain(3);
        doubled.insert(1, doubled[0].clone());
        assert_eq!(broken(&doubled), (2, BreakKind::Reordered));
        let mut moved = chain(3);
        let (one, two) = (moved[0].clone(), moved[1].clone());
        moved[0] = StoredRecord { sequence: 1, ..two };
        moved[1] = StoredRecord { sequence: 2, ..one };
        assert_eq!(broken(&moved), (1, BreakKind::Reordered));
    }

    #[test]
    fn a_removed_newest_record_is_found_by_the_anchor_alone() {
        let mut records = chain(4);
        let anchor = verify(&records).head;
        records.pop();
        assert!(verify(&records).is_intact());
        let found = verify_to(&records, anchor).broken.unwrap();
        assert_eq!((found.sequence, found.kind), (4, BreakKind::Truncated));
    }

    #[test]
    fn a_chain_that_was_rewritten_as_a_whole_is_found_by_the_anchor() {
        let records = chain(4);
        let anchor = AuditHead { sequence: 3, hash: records[2].hash };
        let mut forged = AuditChain::new();
        let forged: Vec<_> = (1..=4).map(|n| forged.append(Timestamp::from_millis(9), denial(n)).unwrap()).collect();
        assert!(verify(&forged).is_intact());
        let found = verify_to(&forged, anchor).broken.unwrap();
        assert_eq!((found.sequence, found.kind), (3, BreakKind::NotAnchored));
    }

    #[test]
    fn a_column_that_says_something_else_than_the_record_is_found() {
        let mut records = chain(2);
        records[1].user = Digest::of_bytes(b"somebody else");
        assert_eq!(broken(&records), (2, BreakKind::Misfiled));
        let mut records = chain(2);
        records[0].code = None;
        assert_eq!(broken(&records), (1, BreakKind::Misfiled));
    }

    #[test]
    fn a_record_of_a_newer_form_is_unreadable() {
        let mut records = chain(2);
        let text = String::from_utf8(records[1].bytes.to_vec()).unwrap().replace("denial.v1", "denial.v2");
        records[1].hash = Digest::of_bytes(text.as_bytes());
        records[1].bytes = text.into_bytes().into();
        assert_eq!(broken(&records), (2, BreakKind::Unreadable));
    }

    #[test]
    fn time_never_runs_back_and_nothing_follows_a_closed_chain() {
        let mut chain = AuditChain::new();
        let first = chain.append(Timestamp::from_millis(9), denial(1)).unwrap();
        let second = chain.append(Timestamp::from_millis(4), denial(2)).unwrap();
        assert_eq!(second.at, Timestamp::from_millis(9));
        let closed = chain.append(Timestamp::from_millis(9), AuditRecord::Mark(WriterMark::Closed)).unwrap();
        let after = chain.append(Timestamp::from_millis(9), denial(3)).unwrap();
        assert!(verify([&first, &second, &closed]).closed);
        assert_eq!(broken(&[first.clone(), second.clone(), closed, after]), (4, BreakKind::DoesNotFollow));
        let mut older = second;
        rewrite(&mut older, |record| record.at = Timestamp::from_millis(1));
        assert_eq!(broken(&[first, older]), (2, BreakKind::DoesNotFollow));
    }
}

//! An audit log in memory.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Mutex,
};

use async_trait::async_trait;

use super::lock;
use crate::{
    ports::{
        AuditCursor, AuditFilter, AuditHead, AuditLog, AuditPage, StoreError, StoreErrorKind, StoredRecord, WriterId,
    },
    vocabulary::Timestamp,
};

/// The audit records of one tenant in memory, a chain per writer.
#[derive(Debug, Default)]
pub struct MemoryAuditLog {
    chains: Mutex<BTreeMap<WriterId, Vec<StoredRecord>>>,
    /// Where chains stand of which everything was dropped.
    dropped: Mutex<BTreeMap<WriterId, AuditHead>>,
}

impl MemoryAuditLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    async fn head(&self, writer: &WriterId) -> Result<AuditHead, StoreError> {
        Ok(self.head_of(writer, lock(&self.chains).get(writer)))
    }

    async fn append(&self, writer: &WriterId, expected: AuditHead, records: &[StoredRecord]) -> Result<(), StoreError> {
        let mut chains = lock(&self.chains);
        let head = self.head_of(writer, chains.get(writer));
        let conflict = |message| Err(StoreError::new(StoreErrorKind::Conflict, message));
        if head != expected {
            return conflict(format!("the chain of writer `{writer}` is at {}", head.sequence));
        }
        let in_order = (head.sequence + 1..).zip(records).all(|(due, record)| record.sequence == due);
        if !in_order {
            return conflict("the records do not follow one another".to_owned());
        }
        chains.entry(writer.clone()).or_default().extend_from_slice(records);
        Ok(())
    }

    async fn read(&self, writer: &WriterId, after: u64, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        let chains = lock(&self.chains);
        let Some(chain) = chains.get(writer) else { return Ok(Vec::new()) };
        let from = chain.partition_point(|record| record.sequence <= after);
        Ok(chain.iter().skip(from).take(limit).cloned().collect())
    }

    async fn writers(&self) -> Result<Vec<WriterId>, StoreError> {
        Ok(lock(&self.chains).keys().cloned().collect())
    }

    async fn drop_through(&self, writer: &WriterId, through: AuditHead) -> Result<u64, StoreError> {
        let mut chains = lock(&self.chains);
        let head = self.head_of(writer, chains.get(writer));
        let refuse = || {
            let message = format!("the chain of `{writer}` does not hold record {} as given", through.sequence);
            Err(StoreError::new(StoreErrorKind::Conflict, message))
        };
        if head.sequence < through.sequence {
            return refuse();
        }
        let Some(chain) = chains.get_mut(writer) else { return Ok(0) };
        let gone = chain.iter().take_while(|record| record.sequence <= through.sequence).count();
        match gone.checked_sub(1).and_then(|last| chain.get(last)) {
            None => Ok(0),
            Some(last) if (last.sequence, last.hash) != (through.sequence, through.hash) => refuse(),
            Some(_) => {
                chain.drain(..gone);
                lock(&self.dropped).insert(writer.clone(), head);
                Ok(u64::try_from(gone).unwrap_or(u64::MAX))
            }
        }
    }

    async fn query(
        &self,
        filter: &AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        filter.check_answerable()?;
        let chains = lock(&self.chains);
        let before = before.map(|cursor| (cursor.at, &cursor.writer, cursor.sequence));
        // The heap keeps the newest `limit + 1`; its top is the oldest of them.
        let mut newest: BinaryHeap<Reverse<Key<'_>>> = BinaryHeap::new();
        for (writer, chain) in chains.iter() {
            for (index, record) in chain.iter().enumerate() {
                let older = before.is_none_or(|before| (record.at, writer, record.sequence) < before);
                if older && filter.matches(record) {
                    newest.push(Reverse((record.at, writer, record.sequence, index)));
                    if newest.len() > limit.saturating_add(1) {
                        newest.pop();
                    }
                }
            }
        }
        let mut page = AuditPage::default();
        let more = newest.len() > limit;
        // Ascending by `Reverse` is newest first.
        for Reverse((_, writer, _, index)) in newest.into_sorted_vec().into_iter().take(limit) {
            if let Some(record) = chains.get(writer).and_then(|chain| chain.get(index)) {
                page.records.push((writer.clone(), record.clone()));
            }
        }
        page.next = page.records.last().filter(|_| more).map(|(writer, record)| AuditCursor {
            at: record.at,
            writer: writer.clone(),
            sequence: record.sequence,
        });
        Ok(page)
    }
}

/// Time, writer, sequence and index: the order of the answer, and where the record is.
type Key<'a> = (Timestamp, &'a WriterId, u64, usize);

impl MemoryAuditLog {
    fn head_of(&self, writer: &WriterId, chain: Option<&Vec<StoredRecord>>) -> AuditHead {
        match chain.and_then(|chain| chain.last()) {
            Some(last) => AuditHead { sequence: last.sequence, hash: last.hash },
            None => lock(&self.dropped).get(writer).copied().unwrap_or(AuditHead::EMPTY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{AuditChain, AuditRecord, WriterMark},
        journal::Revision,
        vocabulary::Digest,
    };

    fn records(times: &[i64]) -> Vec<StoredRecord> {
        let mut chain = AuditChain::new();
        let mark = || AuditRecord::Mark(WriterMark::Opened { revision: Revision::ZERO, journal: Digest::ZERO });
        times.iter().map(|at| chain.append(Timestamp::from_millis(*at), mark()).unwrap()).collect()
    }

    fn writer(name: &str) -> WriterId {
        WriterId::new(name).unwrap()
    }

    #[tokio::test]
    async fn an_append_at_a_wrong_place_leaves_nothing_behind() {
        let log = MemoryAuditLog::new();
        let records = records(&[1, 2, 3]);
        let at_one = AuditHead { sequence: 1, hash: records[0].hash };
        for (expected, batch) in [
            (at_one, &records[1..]),
            (AuditHead::EMPTY, &records[1..]),
            (AuditHead::EMPTY, &[records[0].clone(), records[2].clone()][..]),
        ] {
            let error = log.append(&writer("a"), expected, batch).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Conflict);
        }
        assert!(log.writers().await.unwrap().is_empty());
        log.append(&writer("a"), AuditHead::EMPTY, &records[..1]).await.unwrap();
        log.append(&writer("a"), at_one, &records[1..]).await.unwrap();
        assert_eq!(log.read(&writer("a"), 1, 1).await.unwrap(), records[1..2]);
        assert_eq!(log.head(&writer("a")).await.unwrap().sequence, 3);
    }

    #[tokio::test]
    async fn pages_of_several_writers_come_newest_first_without_gap_or_repetition() {
        let log = MemoryAuditLog::new();
        log.append(&writer("a"), AuditHead::EMPTY, &records(&[1, 3, 3, 9])).await.unwrap();
        log.append(&writer("b"), AuditHead::EMPTY, &records(&[2, 3, 7])).await.unwrap();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = log.query(&AuditFilter::new(), cursor.as_ref(), 2).await.unwrap();
            seen.extend(
                page.records
                    .iter()
                    .map(|(writer, record)| (record.at.as_millis(), writer.as_str().to_owned(), record.sequence)),
            );
            let Some(next) = page.next else { break };
            cursor = Some(next);
        }
        let mut sorted = seen.clone();
        sorted.sort_by(|one, two| two.cmp(one));
        sorted.dedup();
        assert_eq!(seen, sorted);
        assert_eq!(seen.len(), 7);
    }

    #[tokio::test]
    async fn a_person_without_a_hash_finds_nobody_instead_of_everybody() {
        let log = MemoryAuditLog::new();
        log.append(&writer("a"), AuditHead::EMPTY, &records(&[1])).await.unwrap();
        let mut filter = AuditFilter::new();
        filter.user = Some(crate::vocabulary::UserId::new("local", "ada").unwrap());
        assert_eq!(log.query(&filter, None, 10).await.unwrap_err().kind(), StoreErrorKind::Invalid);
        filter.user_hash = Some(Digest::ZERO);
        assert_eq!(log.query(&filter, None, 10).await.unwrap().records.len(), 1);
    }

    #[tokio::test]
    async fn a_page_holds_only_what_passes_the_filter() {
        let log = MemoryAuditLog::new();
        log.append(&writer("a"), AuditHead::EMPTY, &records(&[1, 5, 9])).await.unwrap();
        let mut filter = AuditFilter::new();
        filter.from = Some(Timestamp::from_millis(2));
        filter.until = Some(Timestamp::from_millis(9));
        let page = log.query(&filter, None, 10).await.unwrap();
        assert_eq!(page.records.len(), 1);
        assert!(page.next.is_none());
    }
}

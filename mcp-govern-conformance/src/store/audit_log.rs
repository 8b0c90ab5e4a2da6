//! Checks of the [`AuditLog`](mcp_govern_core::ports::AuditLog) port.

use mcp_govern_core::{
    CallId, DenialCode, Digest, Timestamp, ToolId, UserId,
    audit::RecordKind,
    ports::{AuditFilter, AuditHead, StoreErrorKind, StoredRecord, WriterId},
};

use super::{Storage, open};
use crate::failure::{Failure, Verdict, ensure};

const TENANT: &str = "acme";

fn writer(name: &str) -> Result<WriterId, Failure> {
    WriterId::new(name).ok_or_else(|| Failure::new(format!("`{name}` is not a writer id")))
}

fn record(sequence: u64, call: &str) -> Result<StoredRecord, Failure> {
    let bytes: Vec<u8> = format!("{{\"sequence\":{sequence},\"call\":\"{call}\"}}").into_bytes();
    Ok(StoredRecord {
        sequence,
        hash: Digest::of_bytes(&bytes),
        bytes: bytes.into(),
        kind: RecordKind::Intent,
        call: CallId::new(call)?,
        at: Timestamp::from_millis(1_000 * i64::try_from(sequence).unwrap_or(0)),
        user: Digest::of_bytes(b"nobody"),
        server: None,
        tool: None,
        code: None,
    })
}

fn head(record: &StoredRecord) -> AuditHead {
    AuditHead { sequence: record.sequence, hash: record.hash }
}

/// A writer that has written nothing stands at [`AuditHead::EMPTY`].
///
/// # Errors
///
/// What is wrong.
pub async fn a_new_writer_stands_at_the_empty_head(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    ensure!(log.head(&writer("new")?).await? == AuditHead::EMPTY, "a new writer has a head");
    ensure!(log.writers().await?.is_empty(), "an empty log has writers");
    ensure!(log.query(&AuditFilter::new(), None, 10).await?.records.is_empty(), "an empty log has records");
    Ok(())
}

/// A batch comes back in order, every field and byte, on another node.
///
/// # Errors
///
/// What is wrong.
pub async fn a_batch_is_read_back_to_the_byte_on_every_node(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.audit, open(storage, TENANT).await?.audit);
    let name = writer("node-1")?;
    let mut batch = vec![record(1, "call-1")?, record(2, "call-2")?, record(3, "call-3")?];
    batch[1].tool = Some("status/list_pages".parse::<ToolId>()?);
    batch[1].server = batch[1].tool.as_ref().map(|tool| tool.server().clone());
    batch[1].code = Some(DenialCode::NoGrant);
    batch[1].kind = RecordKind::Denial;
    one.append(&name, AuditHead::EMPTY, &batch).await?;
    let read = two.read(&name, 0, 10).await?;
    ensure!(read == batch, "appended {batch:?}, read {read:?}");
    ensure!(two.read(&name, 1, 1).await? == batch[1..2], "reading after 1, at most 1, gave something else");
    ensure!(two.head(&name).await? == head(&batch[2]), "the head is {:?}", two.head(&name).await?);
    Ok(())
}

/// A batch at another head is refused with `Conflict`, and none of it is there.
///
/// # Errors
///
/// What is wrong.
pub async fn an_append_at_another_head_is_refused_whole(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    let name = writer("node-1")?;
    let first = record(1, "call-1")?;
    log.append(&name, AuditHead::EMPTY, std::slice::from_ref(&first)).await?;
    let wrong = AuditHead { sequence: 1, hash: Digest::of_bytes(b"another chain") };
    for expected in [AuditHead::EMPTY, wrong] {
        let late = [record(2, "call-2")?, record(3, "call-3")?];
        match log.append(&name, expected, &late).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            other => {
                return Err(Failure::new(format!("an append at {expected:?} answered {other:?}")));
            }
        }
    }
    ensure!(log.read(&name, 0, 10).await? == [first], "a refused record is in the log");
    Ok(())
}

/// Two writers append without knowing of each other.
///
/// # Errors
///
/// What is wrong.
pub async fn writers_have_chains_of_their_own(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    let (one, two) = (writer("node-1")?, writer("node-2")?);
    log.append(&one, AuditHead::EMPTY, &[record(1, "call-1")?]).await?;
    log.append(&two, AuditHead::EMPTY, &[record(1, "call-2")?, record(2, "call-3")?]).await?;
    let mut writers = log.writers().await?;
    writers.sort();
    ensure!(writers == [one.clone(), two.clone()], "the writers are {writers:?}");
    ensure!(log.head(&one).await?.sequence == 1 && log.head(&two).await?.sequence == 2, "the chains are mixed up");
    Ok(())
}

/// The heads of all writers are those of each.
///
/// # Errors
///
/// What is wrong.
pub async fn the_heads_are_those_of_every_writer(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    ensure!(log.heads().await?.is_empty(), "an empty log has heads");
    let (one, two) = (writer("node-1")?, writer("node-2")?);
    log.append(&one, AuditHead::EMPTY, &[record(1, "call-1")?]).await?;
    log.append(&two, AuditHead::EMPTY, &[record(1, "call-2")?, record(2, "call-3")?]).await?;
    let mut heads = log.heads().await?;
    heads.sort_by(|(one, _), (two, _)| one.cmp(two));
    let expected = [(one.clone(), log.head(&one).await?), (two.clone(), log.head(&two).await?)];
    ensure!(heads == expected, "the heads are {heads:?}");
    Ok(())
}

/// A filter that names a person without the hash that records name the person by is refused.
///
/// # Errors
///
/// What is wrong.
pub async fn a_person_without_a_hash_is_refused(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    log.append(&writer("node-1")?, AuditHead::EMPTY, &[record(1, "call-1")?]).await?;
    let mut filter = AuditFilter::new();
    filter.user = Some(UserId::new("local", "ann")?);
    match log.query(&filter, None, 10).await {
        Err(error) if error.kind() == StoreErrorKind::Invalid => Ok(()),
        other => Err(Failure::new(format!("a person without a hash answered {other:?}"))),
    }
}

/// What is dropped is gone on every node, for reading and looking; the head stays where it was, also when nothing is left, and the
/// next record follows it. Dropping again does nothing.
///
/// # Errors
///
/// What is wrong.
pub async fn the_old_end_of_a_chain_is_dropped_and_the_chain_goes_on(storage: &dyn Storage) -> Verdict {
    let (one, two) = (open(storage, TENANT).await?.audit, open(storage, TENANT).await?.audit);
    let (name, other) = (writer("node-1")?, writer("node-2")?);
    let batch = (1..=5).map(|sequence| record(sequence, &format!("call-{sequence}"))).collect::<Result<Vec<_>, _>>()?;
    one.append(&name, AuditHead::EMPTY, &batch).await?;
    one.append(&other, AuditHead::EMPTY, &batch).await?;
    ensure!(one.drop_through(&name, head(&batch[2])).await? == 3, "of 5 records those up to the third are 3");
    for _ in 0..2 {
        ensure!(two.drop_through(&name, head(&batch[2])).await? == 0, "what is gone was dropped again");
        ensure!(two.read(&name, 0, 10).await? == batch[3..], "reading from the beginning gives something else");
        ensure!(two.head(&name).await? == head(&batch[4]), "the head has moved");
        ensure!(two.read(&other, 0, 10).await? == batch, "another chain was touched");
    }
    let found = two.query(&AuditFilter::new(), None, 100).await?.records;
    ensure!(found.iter().filter(|(of, _)| *of == name).count() == 2, "records that were dropped are found");
    ensure!(one.drop_through(&name, head(&batch[4])).await? == 2, "the rest of 5 records is 2");
    ensure!(two.read(&name, 0, 10).await?.is_empty(), "a record was left");
    ensure!(two.head(&name).await? == head(&batch[4]), "the head of a chain that was dropped whole has moved");
    ensure!(
        two.heads().await?.contains(&(name.clone(), head(&batch[4]))),
        "a chain that was dropped whole has no head"
    );
    let next = record(6, "call-6")?;
    two.append(&name, head(&batch[4]), std::slice::from_ref(&next)).await?;
    ensure!(one.read(&name, 0, 10).await? == [next], "the chain does not go on");
    Ok(())
}

/// A record that is not there, or that has another hash, drops nothing: `Conflict`.
///
/// # Errors
///
/// What is wrong.
pub async fn a_record_that_the_chain_does_not_hold_drops_nothing(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    let (name, strange) = (writer("node-1")?, writer("stranger")?);
    let batch = [record(1, "call-1")?, record(2, "call-2")?];
    log.append(&name, AuditHead::EMPTY, &batch).await?;
    let beyond = AuditHead { sequence: 3, hash: batch[1].hash };
    let other = AuditHead { sequence: 2, hash: batch[0].hash };
    for (of, through) in [(&name, beyond), (&name, other), (&strange, head(&batch[0]))] {
        match log.drop_through(of, through).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            answer => return Err(Failure::new(format!("dropping `{of}` through {through:?} answered {answer:?}"))),
        }
    }
    // Of another tenant nothing is dropped.
    let theirs = open(storage, "other").await?.audit;
    ensure!(theirs.drop_through(&name, head(&batch[0])).await.is_err(), "another tenant's chain can be dropped");
    ensure!(log.read(&name, 0, 10).await? == batch, "something was dropped");
    Ok(())
}

/// Pages of any size show every record exactly once, newest first, also where times are equal.
///
/// # Errors
///
/// What is wrong.
pub async fn pages_show_every_record_once_newest_first(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    for name in ["node-1", "node-2"] {
        let mut batch = Vec::new();
        for sequence in 1..=10 {
            let mut record = record(sequence, &format!("{name}-{sequence}"))?;
            record.at = Timestamp::from_millis(1_000 * i64::try_from(sequence / 3).unwrap_or(0));
            batch.push(record);
        }
        log.append(&writer(name)?, AuditHead::EMPTY, &batch).await?;
    }
    for size in [1, 3, 7, 100] {
        let (mut seen, mut next, mut last) = (Vec::new(), None, Timestamp::MAX);
        loop {
            let page = log.query(&AuditFilter::new(), next.as_ref(), size).await?;
            ensure!(page.records.len() <= size, "a page of {size} holds {}", page.records.len());
            for (_, record) in &page.records {
                ensure!(record.at <= last, "records are not newest first");
                last = record.at;
                seen.push(record.call.clone());
            }
            next = page.next;
            if next.is_none() || seen.len() > 20 {
                break;
            }
        }
        let shown = seen.len();
        seen.sort();
        seen.dedup();
        ensure!(shown == 20 && seen.len() == 20, "pages of {size} show {shown} records, {} of them once", seen.len());
    }
    Ok(())
}

/// Each condition of a filter holds by itself and with others.
///
/// # Errors
///
/// What is wrong.
pub async fn every_filter_shows_what_matches_and_nothing_else(storage: &dyn Storage) -> Verdict {
    let log = open(storage, TENANT).await?.audit;
    let tools: [ToolId; 2] = ["status/list_pages".parse()?, "pager/list_incidents".parse()?];
    let mut batch = Vec::new();
    for sequence in 1..=24u64 {
        let mut record = record(sequence, &format!("call-{sequence}"))?;
        let tool = if sequence % 2 == 0 { &tools[0] } else { &tools[1] };
        record.tool = Some(tool.clone());
        record.server = Some(tool.server().clone());
        record.user = Digest::of_bytes(if sequence % 3 == 0 { b"ann" } else { b"ben" });
        if sequence % 4 == 0 {
            record.kind = RecordKind::Denial;
            record.code = Some(DenialCode::NoGrant);
        }
        batch.push(record);
    }
    log.append(&writer("node-1")?, AuditHead::EMPTY, &batch).await?;
    let mut filters = vec![AuditFilter::new(); 8];
    filters[0].user_hash = Some(Digest::of_bytes(b"ann"));
    filters[1].server = Some(tools[0].server().clone());
    filters[2].tool = Some(tools[1].clone());
    filters[3].code = Some(DenialCode::NoGrant);
    filters[4].kind = Some(RecordKind::Intent);
    filters[5].call = Some(CallId::new("call-7")?);
    filters[6].from = Some(Timestamp::from_millis(5_000));
    filters[6].until = Some(Timestamp::from_millis(9_000));
    filters[7].user_hash = Some(Digest::of_bytes(b"ann"));
    filters[7].tool = Some(tools[0].clone());
    filters[7].code = Some(DenialCode::NoGrant);
    for filter in filters {
        let mut wanted: Vec<u64> = batch.iter().filter(|r| filter.matches(r)).map(|r| r.sequence).collect();
        wanted.reverse();
        let page = log.query(&filter, None, 100).await?;
        let shown: Vec<u64> = page.records.iter().map(|(_, record)| record.sequence).collect();
        ensure!(!wanted.is_empty() && shown == wanted, "{filter:?} shows {shown:?}, expected {wanted:?}");
    }
    Ok(())
}

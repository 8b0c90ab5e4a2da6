//! The record: read, verified, tampered with.

use std::collections::BTreeMap;

use mcp_govern_core::{
    CallId,
    audit::{AuditRecord, BreakKind, CallResult, ChainedRecord, verify},
    ports::{AuditFilter, StoredRecord},
};
use serde_json::json;

use super::{Scene, Story, tenant};
use crate::{Told, teller::Step};

/// More records than the story makes.
const ALL: usize = 100_000;

/// The record of a call whose key was refused.
const REFUSED: &[u8] = b"\"status\":401";

/// One call, as its records tell it.
struct Row {
    call: CallId,
    sequence: u64,
    at: String,
    user: &'static str,
    tool: String,
    end: String,
    status: Option<u16>,
}

impl Story {
    pub(super) async fn read_the_record(&mut self) -> Told {
        self.teller.chapter(
            "The record",
            "Every call left records: an intent before anything was sent and an outcome after, or a denial. People are \
             salted hashes there, arguments are redacted, and no record holds a key. Ida, the auditor, reads them.",
        )?;
        // Both nodes end in order, so that every outcome is written.
        for node in self.nodes.clone() {
            node.close().await;
        }
        for scene in self.scenes() {
            let records = self.records_of(&scene).await?;
            for record in &records {
                let text = String::from_utf8_lossy(&record.bytes);
                self.expect(scene.vendor, !scene.player.account.leaks_into(&text), "no record to hold the key");
            }
            let rows = self.rows(&records)?;
            let calls: Vec<_> = rows.iter().map(Row::to_json).collect();
            let step =
                Step::of(scene.vendor, "audit", "read").with_fact("records", records.len()).with_fact("calls", calls);
            let step = step.saying(format!("{} calls, {} records:", rows.len(), records.len()));
            let heading = format!("{:<9} {:<4} {:<27} {:<34} http", "time", "who", "tool", "end").trim_end().to_owned();
            self.tell_step(&rows.iter().map(Row::to_line).fold(step.showing(heading), Step::showing))?;
            let pending = rows
                .iter()
                .any(|row| row.end == "denied: tool_pending" && row.tool.ends_with(scene.plot.unreviewed().tool));
            self.expect(scene.vendor, pending, "the unreviewed tool's true code in the record");
        }
        Ok(())
    }

    pub(super) async fn verify_the_record(&mut self) -> Told {
        self.teller.chapter(
            "Verified",
            "Each record holds the hash of the one before it. Verifying a chain needs nothing but the stored bytes.",
        )?;
        let ida = self.cast.ida.clone();
        let chains = self.governor.verify_audit(&ida.actor, &[]).await?;
        let journal = self.governor.verify_journal(&ida.actor, None).await?;
        let intact =
            chains.iter().all(|(_, chain)| chain.is_intact() && chain.unfinished.is_empty()) && journal.is_intact();
        let all: u64 = chains.iter().map(|(_, chain)| chain.head.sequence).sum();
        for scene in self.scenes() {
            let records = self.records_of(&scene).await?.len();
            self.expect(scene.vendor, intact && records > 0, "intact chains and no unfinished call");
            let heads: Vec<_> =
                chains.iter().map(|(writer, chain)| json!({"writer": writer, "head": chain.head})).collect();
            let step = Step::of(scene.vendor, "audit_verified", if intact { "intact" } else { "broken" })
                .with_fact("records", records)
                .with_fact("all_records", all)
                .with_fact("chains", heads)
                .with_fact("journal_revision", journal.head.revision);
            let chains = chains.len();
            let text = format!(
                "Its {records} records are among {all} in {chains} chains, one per node. All of it is as written."
            );
            self.tell_step(&step.saying(text))?;
        }
        let commits = journal.head.revision;
        Ok(self
            .teller
            .aside(&format!("The journal of what Olga, Lea and Ann decided is intact too: {commits} commits."))?)
    }

    pub(super) async fn tamper_with_a_copy(&mut self) -> Told {
        self.teller.chapter(
            "Tampered with",
            "An attacker hides that the wrong key was used, and changes one byte in a copy of the records: a \
             401 becomes a 201. Verification names the record.",
        )?;
        for scene in self.scenes() {
            let mut chain = self.first_chain().await?;
            let refused = |record: &mut StoredRecord| {
                let of_vendor = record.server.as_ref() == Some(&scene.server);
                let at = find(&record.bytes, REFUSED).filter(|_| of_vendor)?;
                Some((record.sequence, at + REFUSED.len() - 3))
            };
            let found =
                chain.iter_mut().find_map(|record| refused(record).map(|(sequence, at)| (record, sequence, at)));
            let (record, sequence, at) = found.ok_or("no record of the call with the wrong key")?;
            let mut bytes = record.bytes.to_vec();
            for byte in bytes.iter_mut().skip(at).take(1) {
                *byte = b'2';
            }
            record.bytes = bytes.into();
            let found = verify(&chain);
            let named = found.broken.as_ref().map(|broken| (broken.sequence, broken.kind));
            self.expect(scene.vendor, named == Some((sequence, BreakKind::Changed)), "the changed record to be named");
            let detail = found.broken.as_ref().map_or("no break was found".to_owned(), ToString::to_string);
            let step = Step::of(scene.vendor, "tamper_found", if named.is_some() { "found" } else { "missed" })
                .with_fact("record", sequence)
                .with_fact("byte", at)
                .with_fact("broken", &found.broken);
            self.tell_step(&step.saying(format!("Byte {at} of record {sequence} changed. Found: {detail}.")))?;
        }
        Ok(())
    }

    /// The records of a vendor's calls, oldest first.
    async fn records_of(&self, scene: &Scene) -> Told<Vec<StoredRecord>> {
        let mut filter = AuditFilter::new();
        filter.server = Some(scene.server.clone());
        let page = self.governor.audit(&self.cast.ida.actor, filter, None, ALL).await?;
        Ok(page.records.into_iter().rev().map(|(_, record)| record).collect())
    }

    /// A copy of everything that the first node wrote.
    async fn first_chain(&self) -> Told<Vec<StoredRecord>> {
        let first = self.nodes.first().ok_or("there is no first node")?;
        let audit = self.stores.tenant(&tenant()?).audit;
        Ok(audit.read(&first.status().writer, 0, ALL).await?)
    }

    /// One row per call, in the order of their first records.
    fn rows(&self, records: &[StoredRecord]) -> Told<Vec<Row>> {
        let mut order = Vec::new();
        let mut rows: BTreeMap<CallId, Row> = BTreeMap::new();
        for stored in records {
            let ChainedRecord { entry, .. } = stored.open()?;
            let mut row = Row {
                call: stored.call.clone(),
                sequence: stored.sequence,
                at: stored.at.to_string().chars().skip(11).take(8).collect(),
                user: self.cast.name_of(&self.governor, stored.user),
                tool: stored.tool.as_ref().map_or("-", |tool| tool.name().as_str()).to_owned(),
                end: "unfinished".to_owned(),
                status: None,
            };
            match entry {
                AuditRecord::Denial(denial) => row.end = format!("denied: {}", denial.code),
                AuditRecord::Outcome(outcome) => {
                    if let Some(row) = rows.get_mut(&stored.call) {
                        row.end = ended(&outcome.result);
                        row.status = outcome.exchanges.last().and_then(|sent| sent.status);
                    }
                    continue;
                }
                _ => {}
            }
            order.push(stored.call.clone());
            rows.insert(stored.call.clone(), row);
        }
        Ok(order.iter().filter_map(|call| rows.remove(call)).collect())
    }
}

impl Row {
    fn to_line(&self) -> String {
        let status = self.status.map_or("-".to_owned(), |status| status.to_string());
        format!("{:<9} {:<4} {:<27} {:<34} {status}", self.at, self.user, self.tool, self.end)
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "call": self.call, "record": self.sequence, "user": self.user, "tool": self.tool, "end": self.end,
            "status": self.status,
        })
    }
}

fn ended(result: &CallResult) -> String {
    match result {
        CallResult::Success { bytes, .. } => format!("answered, {bytes} bytes"),
        CallResult::Failure { kind, .. } => format!("failed: {kind}"),
        CallResult::Denied { code, .. } => format!("denied: {code}"),
        CallResult::Abandoned { .. } => "abandoned".to_owned(),
        other => format!("{other:?}"),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

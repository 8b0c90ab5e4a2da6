//! What was acknowledged, and whether it is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use mcp_govern_core::{
    journal::Revision,
    ports::{Stores as _, TenantStores, WriterId},
};
use mcp_govern_store::SqliteStores;

use crate::{
    chains::{tenant, verified, whole_journal},
    child::vault_key,
};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    commits: BTreeMap<u64, String>,
    checkpoint: u64,
    records: BTreeMap<String, BTreeMap<u64, String>>,
    secret: u64,
    put: BTreeSet<String>,
    took: BTreeSet<String>,
    recorded: u64,
    verified: BTreeSet<String>,
}

impl Ledger {
    /// Takes a line of the killed process in; one that was cut off says nothing.
    pub(crate) fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().unwrap();
        match words.as_slice() {
            ["commit", revision, hash] if hash.len() == 71 => {
                self.commits.insert(number(revision), (*hash).to_owned());
            }
            ["checkpoint", revision, hash] if hash.len() == 71 => self.checkpoint = number(revision),
            ["record", writer, sequence, hash] if hash.len() == 71 => {
                self.records.entry((*writer).to_owned()).or_default().insert(number(sequence), (*hash).to_owned());
            }
            ["secret", version] => self.secret = self.secret.max(number(version)),
            ["put", key] => {
                self.put.insert((*key).to_owned());
            }
            ["took", key] => {
                self.took.insert((*key).to_owned());
            }
            _ => {}
        }
    }

    /// Holds a freshly opened store to all of it.
    pub(crate) async fn hold(&mut self, stores: &SqliteStores, round: u32) {
        let opened = stores.open(&tenant()).await.unwrap();
        let journal = whole_journal(&*opened.journal).await;
        for (revision, hash) in &self.commits {
            let commit = usize::try_from(revision - 1).ok().and_then(|index| journal.get(index));
            assert_eq!(
                commit.map(|commit| commit.hash().to_string()).as_ref(),
                Some(hash),
                "round {round}: commit {revision}"
            );
        }
        let checkpoint = opened.checkpoints.as_ref().unwrap().latest(1).await.unwrap();
        let checkpoint = checkpoint.map_or(Revision::ZERO, |checkpoint| checkpoint.head().revision);
        assert!(checkpoint.0 >= self.checkpoint, "round {round}: the checkpoint of {}", self.checkpoint);
        self.hold_records(&opened, round).await;
        let entry = opened.vault.get(&vault_key()).await.unwrap();
        let version = entry.as_ref().map_or(0, |entry| entry.version);
        assert!(version >= self.secret, "round {round}: secret {}", self.secret);
        if let Some(entry) = entry {
            let secret = entry.credential.field("api_key").unwrap().expose().to_owned();
            assert_eq!(secret, format!("secret-{version}"), "round {round}");
        }
        self.hold_values(&opened, round).await;
    }

    async fn hold_records(&mut self, opened: &TenantStores, round: u32) {
        // A chain that was verified once belongs to a process that is dead: its head is looked at again, not all of it.
        for (writer, heads) in &self.records {
            let id = WriterId::new(writer).unwrap();
            let (sequence, hash) = heads.last_key_value().unwrap();
            let stored = opened.audit.read(&id, sequence - 1, 1).await.unwrap();
            let stored = stored.first().map(|record| record.hash.to_string());
            assert_eq!(stored.as_ref(), Some(hash), "round {round}: record {sequence} of {writer}");
            if self.verified.insert(writer.clone()) {
                let found = verified(&*opened.audit, &id).await;
                assert!(found.is_intact(), "round {round}: {writer}: {found:?}");
                self.recorded += found.head.sequence;
            }
        }
        // Also of those that died before they could say anything.
        for writer in opened.audit.writers().await.unwrap() {
            if self.verified.insert(writer.to_string()) {
                assert!(verified(&*opened.audit, &writer).await.is_intact(), "round {round}: {writer}");
            }
        }
    }

    async fn hold_values(&mut self, opened: &TenantStores, round: u32) {
        for key in std::mem::take(&mut self.took) {
            assert_eq!(opened.one_time.take(&key).await.unwrap(), None, "round {round}: {key} was taken twice");
            self.put.remove(&key);
        }
        // The one put last may have been taken without a word of it.
        let last = self.put.pop_last();
        for key in std::mem::take(&mut self.put) {
            let value = opened.one_time.take(&key).await.unwrap();
            let was_even = key.rsplit('-').next().unwrap().parse::<u64>().unwrap() % 2 == 0;
            assert!(value.is_some() || was_even, "round {round}: {key} is lost");
        }
        if let Some(key) = last {
            opened.one_time.take(&key).await.unwrap();
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (commits, records, secret) = (self.commits.len(), self.recorded, self.secret);
        write!(
            f,
            "{commits} commits, {records} audit records in {} chains, {secret} versions of a secret",
            self.records.len()
        )
    }
}

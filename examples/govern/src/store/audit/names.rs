//! The names of people behind the hashes of the record.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use mcp_govern_core::{Digest, UserId, audit::Caller, ports::StoredRecord};

use crate::{
    failure::Failure,
    store::{known::people, session::Session},
};

/// The people whose hash is known: those that the rules name, where the audit's key is at hand.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_hash: BTreeMap<Digest, String>,
}

impl Names {
    /// The names of the people on record, and of one more. Without a key there are none; a key that is another one is reported.
    pub(super) async fn of(session: &Session, asked: Option<&UserId>) -> Result<Self, Failure> {
        if session.no_audit_key().is_some() {
            return Ok(Self::default());
        }
        if !session.audit_key_holds().await? {
            // Looking does not end for it: the records are there. It need not be read.
            let _ = writeln!(
                io::stderr(),
                "govern: people are shown as hashes: the audit key that was given is not the one of this store"
            );
            return Ok(Self::default());
        }
        let people = people(&session.state());
        let hashed = people.iter().chain(asked).map(|user| (session.governor.user_hash(user), user.to_string()));
        Ok(Self { by_hash: hashed.collect() })
    }

    /// The name behind a hash, where it is known.
    pub(super) fn name(&self, hash: &Digest) -> Option<&str> {
        self.by_hash.get(hash).map(String::as_str)
    }

    /// The name of the person of a record, where the record or the rules tell it.
    pub(super) fn of_record(&self, record: &StoredRecord) -> Option<&str> {
        self.name(&record.user)
    }

    /// A person for people: the name, or else the beginning of the hash.
    pub(super) fn shown(&self, hash: &Digest) -> String {
        self.name(hash).map_or_else(|| short(hash), str::to_owned)
    }

    /// A caller for people: as the record names them, where it does.
    pub(super) fn caller(&self, caller: &Caller) -> String {
        caller.user_name.clone().unwrap_or_else(|| self.shown(&caller.user))
    }
}

/// The beginning of a person's hash.
fn short(hash: &Digest) -> String {
    format!("#{}", hash.to_string().chars().skip("sha256:".len()).take(12).collect::<String>())
}

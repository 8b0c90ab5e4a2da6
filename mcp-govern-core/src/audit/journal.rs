//! Verification of the other stream: the journal of governance commits.

use super::{AuditKey, SealsFound, seal::SealChecker};
use crate::{
    journal::{CommitError, Head, Revision, StoredCommit},
    vocabulary::{TenantId, Timestamp},
};

/// What verification of a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalVerification {
    /// The head of the journal, as far as it holds.
    pub head: Head,
    /// The first commit that does not hold.
    pub broken: Option<CommitError>,
    /// What the seals say. Without a good one the chain alone was checked, which a person who can write the store can write anew.
    pub seals: SealsFound,
    /// Whether it was held to what is kept outside of the stores, which alone shows that the newest commits are there.
    pub kept: KeptCheck,
}

/// Whether a journal was held to what is kept outside of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeptCheck {
    /// There is nothing to hold it to.
    #[default]
    NothingKept,
    /// What is kept is not sealed under the audit key at hand: it says nothing.
    NotSealed,
    /// It was.
    Held {
        /// Where the journal was known to stand.
        revision: Revision,
        /// When that was kept.
        at: Timestamp,
    },
}

impl JournalVerification {
    /// Whether nothing was found. What was not looked at, because there was no key or no seal, is in
    /// [`seals`](JournalVerification::seals).
    pub fn is_intact(&self) -> bool {
        self.broken.is_none()
    }
}

/// Verifies commits over their exact stored bytes, oldest first, from the head `from` of the journal
/// ([`Head::EMPTY`] for the whole journal). `anchor` is a head that was kept elsewhere and that the journal must hold. No seal is
/// checked: [`JournalVerifier`] does that with the audit key.
pub fn verify_commits<'a>(
    commits: impl IntoIterator<Item = &'a StoredCommit>,
    from: Head,
    anchor: Option<Head>,
) -> JournalVerification {
    let mut verifier = anchor.into_iter().fold(JournalVerifier::new(from), JournalVerifier::with_anchor);
    commits.into_iter().for_each(|commit| verifier.push(commit));
    verifier.finish()
}

/// Verifies a journal commit by commit: for journals that are read in pages.
#[derive(Debug, Clone)]
pub struct JournalVerifier {
    head: Head,
    broken: Option<CommitError>,
    anchors: Vec<Head>,
    seals: SealChecker,
}

impl JournalVerifier {
    /// Begins at the head `from` of the journal: [`Head::EMPTY`] for the whole journal.
    pub fn new(from: Head) -> Self {
        Self { head: from, broken: None, anchors: Vec::new(), seals: SealChecker::new(None) }
    }

    /// With a head that was kept elsewhere, which the journal must hold; with another one, it must hold both.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Head) -> Self {
        self.anchors.push(anchor);
        self
    }

    /// With the audit key of the tenant's nodes: from the first seal on, every commit that anchors the audit must have a good one.
    #[must_use]
    pub fn with_key(mut self, tenant: &TenantId, key: &AuditKey) -> Self {
        self.seals = SealChecker::new(Some((tenant.clone(), key.clone())));
        self
    }

    /// The head of the journal, as far as it holds.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether the commits so far hold.
    pub fn is_intact(&self) -> bool {
        self.broken.is_none()
    }

    /// Takes the next commit. After the first break nothing is looked at any more.
    pub fn push(&mut self, stored: &StoredCommit) {
        if self.broken.is_none()
            && let Err(error) = self.check(stored)
        {
            self.broken = Some(error);
        }
    }

    /// Says that the store has no next commit although it should.
    pub(crate) fn miss(&mut self) {
        self.broken = self.broken.take().or(Some(CommitError::Missing { revision: self.head.revision.next() }));
    }

    /// What was found.
    pub fn finish(self) -> JournalVerification {
        let Self { head, broken, anchors, seals } = self;
        let (seals, foreign) = seals.finish();
        let known = anchors.into_iter().map(|anchor| anchor.revision).max().filter(|known| *known > head.revision);
        let cut = known.map(|revision| CommitError::Broken { revision, expected: head.revision.next() });
        JournalVerification { head, broken: broken.or(cut).or(foreign), seals, kept: KeptCheck::NothingKept }
    }

    fn check(&mut self, stored: &StoredCommit) -> Result<(), CommitError> {
        let commit = stored.open(self.head)?;
        let at = stored.head();
        if self.anchors.iter().any(|anchor| anchor.revision == at.revision && anchor.hash != at.hash) {
            return Err(CommitError::Tampered { revision: at.revision });
        }
        self.seals.push(&commit)?;
        self.head = at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{
            Commit, Event,
            event::{GovernanceActivated, SchemaActivated},
        },
        vocabulary::{Actor, CommandId, Role, UserId},
    };

    fn commits() -> Vec<StoredCommit> {
        let owner = Actor::new(UserId::new("local", "ada").unwrap(), [Role::Owner]);
        let events: [Event; 3] =
            [GovernanceActivated {}.into(), SchemaActivated { schema: 2 }.into(), SchemaActivated { schema: 3 }.into()];
        let mut head = Head::EMPTY;
        let seal = |event: Event| {
            let commit = Commit {
                revision: head.revision.next(),
                previous: head.hash,
                command_id: CommandId::new(format!("c{}", head.revision)).unwrap(),
                command: None,
                actor: owner.to_recorded(),
                at: Timestamp::from_millis(5),
                reason: None,
                events: vec![event],
            };
            let sealed = StoredCommit::seal(&commit).unwrap();
            head = sealed.head();
            sealed
        };
        events.into_iter().map(seal).collect()
    }

    #[test]
    fn an_untouched_journal_is_intact_and_a_shortened_one_is_not_what_the_anchor_knows() {
        let commits = commits();
        let whole = verify_commits(&commits, Head::EMPTY, None);
        assert!(whole.is_intact() && whole.head == commits[2].head());
        assert!(verify_commits(&commits, Head::EMPTY, Some(commits[1].head())).is_intact());
        let short = verify_commits(&commits[..2], Head::EMPTY, Some(commits[2].head()));
        assert!(matches!(short.broken, Some(CommitError::Broken { revision: Revision(3), .. })));
    }

    #[test]
    fn a_changed_commit_is_found_in_its_place() {
        let mut commits = commits();
        let bytes = String::from_utf8(commits[1].bytes().to_vec()).unwrap().replace("\"schema\":2", "\"schema\":9");
        commits[1] = StoredCommit::from_parts(commits[1].revision(), commits[1].hash(), bytes.into_bytes());
        let found = verify_commits(&commits, Head::EMPTY, None);
        assert_eq!(found.head, commits[0].head());
        assert!(matches!(found.broken, Some(CommitError::Tampered { revision: Revision(2) })));
    }
}

//! Reading and verifying what is on record.

use super::{GovernError, GovernErrorKind, Governor};
use crate::{
    audit::{JournalVerification, Verification, Verifier, verify_acts},
    journal::{Head, Revision},
    ports::{AuditCursor, AuditFilter, AuditHead, AuditPage, WriterId},
    vocabulary::{Actor, Digest, Role, UserId},
};

const PAGE: usize = 1024;

impl Governor {
    /// Audit records that pass the filter, newest first.
    ///
    /// # Errors
    ///
    /// When the actor is neither owner, governance admin nor auditor, or the store cannot be read.
    pub async fn audit(
        &self,
        actor: &Actor,
        mut filter: AuditFilter,
        before: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, GovernError> {
        may_read(actor)?;
        if let Some(user) = filter.user.take() {
            filter.user_hash = Some(self.user_hash(&user));
        }
        Ok(self.core.stores.audit.query(&filter, before, limit).await?)
    }

    /// The salted hash by which records name a person.
    pub fn user_hash(&self, user: &UserId) -> Digest {
        self.core.key.user(user)
    }

    /// Verifies the chain of every writer. `anchors` are heads that were kept elsewhere: each must be in its writer's chain.
    ///
    /// # Errors
    ///
    /// When the actor may not read the audit, or the store cannot be read. A broken chain is no error but a finding.
    pub async fn verify_audit(
        &self,
        actor: &Actor,
        anchors: &[(WriterId, AuditHead)],
    ) -> Result<Vec<(WriterId, Verification)>, GovernError> {
        may_read(actor)?;
        let mut writers = self.core.stores.audit.writers().await?;
        // A writer whose whole chain is gone is known by its anchor alone.
        writers.extend(anchors.iter().map(|(writer, _)| writer.clone()));
        writers.sort();
        writers.dedup();
        let mut found = Vec::with_capacity(writers.len());
        for writer in writers {
            let of_writer = anchors.iter().filter(|(other, _)| *other == writer).map(|(_, head)| *head);
            let verification = self.verify_chain(&writer, of_writer.max_by_key(|head| head.sequence)).await?;
            found.push((writer, verification));
        }
        Ok(found)
    }

    async fn verify_chain(&self, writer: &WriterId, anchor: Option<AuditHead>) -> Result<Verification, GovernError> {
        let mut verifier = Verifier::new();
        if let Some(anchor) = anchor {
            verifier = verifier.with_anchor(anchor);
        }
        let mut after = 0;
        loop {
            let page = self.core.stores.audit.read(writer, after, PAGE).await?;
            for record in &page {
                verifier.push(record);
            }
            // A store that was tampered with may not count up: then there is a break, and no need to read on.
            let last = page.last().map_or(after, |record| record.sequence);
            if page.len() < PAGE || last <= after {
                return Ok(verifier.finish());
            }
            after = last;
        }
    }

    /// Where every writer's chain stands: keep it elsewhere, and hand it to [`Governor::verify_audit`] one day.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn audit_heads(&self) -> Result<Vec<(WriterId, AuditHead)>, GovernError> {
        let mut heads = Vec::new();
        for writer in self.core.stores.audit.writers().await? {
            let head = self.core.stores.audit.head(&writer).await?;
            heads.push((writer, head));
        }
        Ok(heads)
    }

    /// Verifies the journal of governance acts from its beginning. `anchor` is a head that was kept elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Governor::verify_audit`].
    pub async fn verify_journal(
        &self,
        actor: &Actor,
        anchor: Option<Head>,
    ) -> Result<JournalVerification, GovernError> {
        may_read(actor)?;
        let mut head = Head::EMPTY;
        let mut after = Revision::ZERO;
        loop {
            let page = self.core.stores.journal.read(after, PAGE).await?;
            let last = page.len() < PAGE;
            // An anchor beyond this page is missed only where the journal ends.
            let here = anchor.filter(|anchor| last || page.last().is_some_and(|act| act.revision() >= anchor.revision));
            let found = verify_acts(&page, head, here.filter(|anchor| anchor.revision > head.revision));
            if last || !found.is_intact() {
                return Ok(found);
            }
            head = found.head;
            after = head.revision;
        }
    }
}

fn may_read(actor: &Actor) -> Result<(), GovernError> {
    let readers = [Role::Owner, Role::GovernanceAdmin, Role::Auditor];
    if readers.into_iter().any(|role| actor.has(role)) {
        return Ok(());
    }
    let message = "only an owner, a governance admin or an auditor reads the audit";
    Err(GovernError::new(GovernErrorKind::NotAllowed, message))
}

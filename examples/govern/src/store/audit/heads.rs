//! Where the journal and every chain stand.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::{
    TenantId,
    journal::Head,
    ports::{AuditHead, WriterId},
};
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    serve::Form,
    store::{
        output::{Report, Table, show},
        session::Session,
    },
};

/// Earlier heads of the journal and every chain. Kept elsewhere, they show that what was there is still there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heads {
    pub(super) tenant: TenantId,
    pub(super) journal: Head,
    pub(super) audit: BTreeMap<WriterId, AuditHead>,
}

/// Shows the heads.
pub(super) async fn run(session: &Session, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    session.readable()?;
    let heads = Heads {
        tenant: session.governor.tenant().clone(),
        journal: session.governor.journal_head(),
        audit: session.governor.audit_heads().await?.into_iter().collect(),
    };
    show(&heads, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Heads {
    /// Reads what was kept.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let place = format!("`{}`", path.display());
        let text = fs::read_to_string(path).map_err(|error| Failure::Usage(error.to_string()).at(&place))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("no answer of `audit heads --json`: {error}")).at(&place))
    }
}

impl Report for Heads {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["CHAIN", "AT", "HASH"]);
        let Head { revision, hash } = self.journal;
        table.row(["journal".to_owned(), revision.to_string(), hash.to_string()]);
        for (writer, head) in &self.audit {
            table.row([writer.to_string(), head.sequence.to_string(), head.hash.to_string()]);
        }
        table.write(out, "")
    }
}

//! What a key is good for.

use std::{io::Write, process::ExitCode};

use mcp_govern_core::{CredentialReport, CredentialVerdict};
use serde_json::json;

use crate::{call_session::CallSession, failure::Failure, serve::Form, subject::Subject};

/// Asks the vendor about the key and says what came of it.
pub(crate) async fn run(
    call_session: &CallSession,
    subject: &Subject,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let report = call_session.probe(subject).await?;
    match form {
        Form::Json => write_json(subject, &report, out)?,
        Form::Text => write_text(subject, &report, out)?,
    }
    out.flush()?;
    Ok(match report.verdict {
        CredentialVerdict::Accepted => ExitCode::SUCCESS,
        CredentialVerdict::Rejected => ExitCode::FAILURE,
    })
}

fn write_json(subject: &Subject, report: &CredentialReport, out: &mut impl Write) -> Result<(), Failure> {
    let facts = &report.facts;
    let line = json!({
        "provider": subject.spec.provider,
        "works": report.verdict == CredentialVerdict::Accepted,
        "authorized_as": facts.authorized_as,
        "may": facts.scopes,
        "region": facts.region,
        "fields": facts.fields,
        "facts": facts.more,
        "remarks": report.remarks,
    });
    Ok(writeln!(out, "{line}")?)
}

fn write_text(subject: &Subject, report: &CredentialReport, out: &mut impl Write) -> Result<(), Failure> {
    let facts = &report.facts;
    match report.verdict {
        CredentialVerdict::Accepted => writeln!(out, "{}: the key works", subject.spec.title)?,
        CredentialVerdict::Rejected => writeln!(out, "{}: the key is refused", subject.spec.title)?,
    }
    match &facts.authorized_as {
        Some(whose) => writeln!(out, "  whose it is     {whose}")?,
        None if report.verdict == CredentialVerdict::Accepted => {
            writeln!(out, "  whose it is     the vendor does not say")?;
        }
        None => {}
    }
    if !facts.scopes.is_empty() {
        let may: Vec<&str> = facts.scopes.iter().map(String::as_str).collect();
        writeln!(out, "  what it may do  {} (as far as reads can show)", may.join(", "))?;
    }
    if let Some(region) = &facts.region {
        writeln!(out, "  region          {region}")?;
    }
    for (name, value) in &facts.more {
        writeln!(out, "  {name:<15} {value}")?;
    }
    for remark in &report.remarks {
        writeln!(out, "  {remark}")?;
    }
    Ok(())
}

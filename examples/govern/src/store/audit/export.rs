//! Every record, outside of the store.

use std::{
    io::{BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use mcp_govern_core::ports::WriterId;
use mcp_govern_store::create_new_private;
use serde_json::json;

use crate::{
    failure::Failure,
    serve::Form,
    store::{
        output::{count, line},
        session::Session,
    },
};

/// How many records are read at once.
const PAGE: usize = 1024;

/// Writes every record as a line of JSON, chain by chain, each oldest first. An export into a file, which is its owner's alone, says how many
/// there were.
pub(super) async fn run(
    session: &Session,
    writer: Option<&WriterId>,
    output: Option<&Path>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let Some(path) = output else {
        chains(session, writer, out).await?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    let file = create_new_private(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be made: {error}", path.display())))?;
    let mut file = BufWriter::new(file);
    let (chains, records) = chains(session, writer, &mut file).await?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    match form {
        Form::Json => line(&json!({"file": path, "chains": chains, "records": records}), out)?,
        Form::Text => {
            writeln!(out, "{}: {} of {}", path.display(), count(records, "record"), count(chains, "chain"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the chains, and says how many chains and records they were.
async fn chains(session: &Session, only: Option<&WriterId>, out: &mut impl Write) -> Result<(usize, usize), Failure> {
    let mut writers: Vec<WriterId> =
        session.governor.audit_heads().await?.into_iter().map(|(writer, _)| writer).collect();
    if let Some(only) = only {
        writers.retain(|writer| writer == only);
        if writers.is_empty() {
            return Err(Failure::refused(format!("there is no chain of writer `{only}`")));
        }
    }
    let mut records = 0;
    for writer in &writers {
        let mut after = 0;
        loop {
            let page = session.governor.audit_chain(&session.actor, writer, after, PAGE).await?;
            for record in &page {
                let text = record.to_json_line(writer).map_err(|error| Failure::Broken(error.to_string()))?;
                writeln!(out, "{text}")?;
            }
            records += page.len();
            // A store that was tampered with may not count up.
            match page.last().map(|record| record.sequence).filter(|last| *last > after) {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    Ok((writers.len(), records))
}

//! Lines in, lines out.

use std::io::Write;

use mcp_govern_core::RequestPreview;
use tokio::io::{AsyncRead, BufReader};

use crate::{
    answer::{Answer, Problem},
    call_session::CallSession,
    failure::Failure,
    lines::{Line, Lines},
    request::{Asked, BadLine},
};

/// The longest line of input, in bytes.
const LONGEST: usize = 1 << 20;

/// For machines or for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Text,
}

/// Makes a call for each line, one after the other, and answers each before it reads the next.
pub(crate) async fn calls(
    call_session: &CallSession,
    input: impl AsyncRead + Unpin,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut lines = Lines::new(BufReader::new(input), LONGEST);
    while let Some(line) = lines.next().await? {
        let mut asked = match read(&line) {
            None => continue,
            Some(Ok(asked)) => asked,
            Some(Err(bad)) => {
                Answer::problem(bad.id.as_deref(), Problem::from(&bad)).write(out)?;
                continue;
            }
        };
        let id = asked.id.take();
        match call_session.call(asked).await {
            Ok(output) => Answer::output(id.as_deref(), &output).write(out)?,
            Err(error) => Answer::problem(id.as_deref(), Problem::from(&error)).write(out)?,
        }
    }
    Ok(())
}

/// Shows for each line the request that a call would send.
pub(crate) async fn previews(
    call_session: &CallSession,
    form: Form,
    input: impl AsyncRead + Unpin,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut lines = Lines::new(BufReader::new(input), LONGEST);
    while let Some(line) = lines.next().await? {
        let (id, shown) = match read(&line) {
            None => continue,
            Some(Ok(mut asked)) => {
                (asked.id.take(), call_session.preview(asked).map_err(|error| Problem::from(&error)))
            }
            Some(Err(bad)) => {
                let problem = Problem::from(&bad);
                (bad.id, Err(problem))
            }
        };
        let id = id.as_deref();
        match (form, shown) {
            (Form::Json, Ok(request)) => Answer::request(id, &request).write(out)?,
            (Form::Json, Err(problem)) => Answer::problem(id, problem).write(out)?,
            (Form::Text, Ok(request)) => write_request(&request, out)?,
            (Form::Text, Err(problem)) => writeln!(out, "{}: {}\n", problem.code, problem.message)?,
        }
        out.flush()?;
    }
    Ok(())
}

fn read(line: &Line<'_>) -> Option<Result<Asked, BadLine>> {
    match line {
        Line::Whole(line) => Asked::read(line),
        Line::TooLong => Some(Err(BadLine { id: None, reason: format!("the line is longer than {LONGEST} bytes") })),
    }
}

/// As it goes over the wire, a blank line after it.
fn write_request(request: &RequestPreview, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "{} {}", request.method, request.url)?;
    for (name, value) in &request.headers {
        writeln!(out, "{name}: {value}")?;
    }
    if let Some(body) = &request.body {
        writeln!(out, "\n{body:#}")?;
    }
    for note in &request.notes {
        writeln!(out, "# {note}")?;
    }
    Ok(writeln!(out)?)
}

//! What a line of output says.

use std::io::Write;

use mcp_govern_core::{
    Remedy, RequestPreview, Sent, ToolOutput,
    governor::{CallError, CallFailure},
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{failure::Failure, request::BadLine};

/// One line of output.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    id: Option<OneLine<'a>>,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a RequestPreview>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// Why a line has no result.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Whether the vendor may have acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<Remedy>,
}

impl<'a> Answer<'a> {
    pub(crate) fn output(id: Option<&'a RawValue>, output: &'a ToolOutput) -> Self {
        Self { output: Some(OneLine(&output.content)), notes: &output.notes, ..Self::empty(id) }
    }

    pub(crate) fn request(id: Option<&'a RawValue>, request: &'a RequestPreview) -> Self {
        Self { request: Some(request), ..Self::empty(id) }
    }

    pub(crate) fn problem(id: Option<&'a RawValue>, problem: Problem) -> Self {
        Self { ok: false, error: Some(problem), ..Self::empty(id) }
    }

    fn empty(id: Option<&'a RawValue>) -> Self {
        Self { id: id.map(OneLine), ok: true, output: None, request: None, notes: &[], error: None }
    }

    /// Writes the line and flushes it.
    pub(crate) fn write(&self, out: &mut impl Write) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        out.write_all(&line)?;
        Ok(out.flush()?)
    }
}

impl Problem {
    /// A line of input that asks for nothing that can be done.
    pub(crate) fn bad_line(message: impl Into<String>) -> Self {
        Self { code: "bad_line", message: message.into(), sent: None, retry_after_seconds: None, remedy: None }
    }
}

impl From<&BadLine> for Problem {
    fn from(line: &BadLine) -> Self {
        Self::bad_line(&line.reason)
    }
}

impl From<&CallError> for Problem {
    fn from(error: &CallError) -> Self {
        let plain = Self::bad_line("");
        match error.failure() {
            CallFailure::Denied(denial) => {
                let remedy = Some(denial.remedy().clone()).filter(|remedy| *remedy != Remedy::None);
                // A call that was killed while it ran may have reached the vendor.
                let sent = Some(error.sent()).filter(|sent| *sent != Sent::No);
                Self { code: denial.code().as_str(), message: denial.message().to_owned(), remedy, sent, ..plain }
            }
            CallFailure::Provider(failure) => {
                let wait = failure.vendor().and_then(|vendor| vendor.retry_after);
                Self {
                    code: failure.kind().as_str(),
                    message: failure.message().to_owned(),
                    sent: Some(failure.sent()),
                    retry_after_seconds: wait.map(|wait| wait.as_millis().div_ceil(1000)),
                    ..plain
                }
            }
            other => Self { code: "failed", message: format!("{other:?}"), ..plain },
        }
    }
}

/// Bytes as they came, but on one line: a line end in JSON is between tokens alone, as white space.
#[derive(Debug)]
struct OneLine<'a>(&'a RawValue);

impl Serialize for OneLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.get();
        if !text.contains(['\n', '\r']) {
            return self.0.serialize(serializer);
        }
        let line = RawValue::from_string(text.replace(['\n', '\r'], " ")).map_err(serde::ser::Error::custom)?;
        line.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn an_answer_of_many_lines_is_written_on_one_and_stays_the_same_value() {
        let output = ToolOutput::new(raw("{\n  \"a\": 1.10,\r\n  \"b\": \"x\\ny\"\n}"), Vec::new());
        let mut out = Vec::new();
        Answer::output(Some(&raw("7")), &output).write(&mut out).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.contains("1.10") && line.starts_with(r#"{"id":7,"ok":true,"output":{"#), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["output"]["b"], "x\ny");
    }

    #[test]
    fn a_problem_has_code_and_message_and_no_output() {
        let mut out = Vec::new();
        Answer::problem(None, Problem::bad_line("no")).write(&mut out).unwrap();
        assert_eq!(out, b"{\"id\":null,\"ok\":false,\"error\":{\"code\":\"bad_line\",\"message\":\"no\"}}\n");
    }
}

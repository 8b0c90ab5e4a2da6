//! Records outside of a store: one line of JSON each, from which the exact bytes come back.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{RecordError, RecordKind};
use crate::{
    ports::{StoredRecord, WriterId},
    vocabulary::{CallId, Digest, Timestamp},
};

/// A record as a line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    writer: WriterId,
    sequence: u64,
    hash: Digest,
    /// The exact bytes, where they are JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Box<RawValue>>,
    /// The exact bytes in hexadecimal digits, where they are not: they were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    damaged: Option<String>,
}

impl StoredRecord {
    /// The record as one line of JSON, without the line's end: `{"writer":…,"sequence":…,"hash":…,"record":{…}}`. `record` is
    /// the text that was hashed, byte for byte, so that a file of such lines can be verified wherever it lies.
    ///
    /// # Errors
    ///
    /// When it has no JSON form.
    pub fn to_json_line(&self, writer: &WriterId) -> Result<String, RecordError> {
        let text = std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains(['\n', '\r']));
        // White space around the text would be lost.
        let text = text.filter(|text| text.starts_with('{') && text.ends_with('}'));
        let record = text.and_then(|text| RawValue::from_string(text.to_owned()).ok());
        let damaged = record.is_none().then(|| hexadecimal(&self.bytes));
        let line = Line { writer: writer.clone(), sequence: self.sequence, hash: self.hash, record, damaged };
        serde_json::to_string(&line).map_err(|error| RecordError::Unwritable(error.to_string()))
    }

    /// Reads a line of an export. That the bytes have their hash and follow the record before is [`verify`](super::verify)'s
    /// business; the columns, which an export does not hold, are those that the record speaks of.
    ///
    /// # Errors
    ///
    /// When the line is none of an export.
    pub fn from_json_line(line: &str) -> Result<(WriterId, Self), RecordError> {
        let refuse = |reason: String| RecordError::Unreadable { sequence: 0, reason };
        let line: Line = serde_json::from_str(line).map_err(|error| refuse(error.to_string()))?;
        let bytes = match (line.record, line.damaged) {
            (Some(record), None) => record.get().as_bytes().to_vec(),
            (None, Some(digits)) => bytes(&digits).ok_or_else(|| refuse("`damaged` is not hexadecimal".to_owned()))?,
            _ => return Err(refuse("a line holds either `record` or `damaged`".to_owned())),
        };
        let call = CallId::new("unreadable").map_err(|error| refuse(error.to_string()))?;
        let plain = Self::from_parts(
            line.sequence,
            line.hash,
            bytes,
            RecordKind::Mark,
            call,
            Timestamp::default(),
            Digest::ZERO,
        );
        // What cannot be read has no columns, and is found by verification.
        let stored = match plain.open().and_then(|record| Self::seal(&record)) {
            Ok(filed) => Self { sequence: plain.sequence, hash: plain.hash, bytes: plain.bytes, ..filed },
            Err(_) => plain,
        };
        Ok((line.writer, stored))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{AuditChain, AuditRecord, BreakKind, CallDenial, Caller, WriterMark, verify},
        denial::DenialCode,
        journal::Revision,
    };

    fn chain() -> (WriterId, Vec<StoredRecord>) {
        let mut chain = AuditChain::new();
        let denial = CallDenial {
            call: CallId::new("call-1").unwrap(),
            caller: Caller::new(Digest::of_bytes(b"ann"), "local desktop"),
            name: "a name \"quoted\" \u{2028} ünï".into(),
            tool: Some("acme/list_pages".parse().unwrap()),
            code: DenialCode::NoGrant,
            revision: Revision(3),
            arguments_digest: None,
        };
        let records = [
            AuditRecord::Mark(WriterMark::Opened { revision: Revision::ZERO, journal: Digest::ZERO }),
            AuditRecord::Denial(Box::new(denial)),
            AuditRecord::Mark(WriterMark::Closed),
        ];
        let at = Timestamp::from_millis(5);
        (WriterId::new("w-1").unwrap(), records.map(|record| chain.append(at, record).unwrap()).into())
    }

    #[test]
    fn a_line_gives_back_the_record_byte_for_byte_with_its_columns() {
        let (writer, records) = chain();
        for record in &records {
            let line = record.to_json_line(&writer).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(StoredRecord::from_json_line(&line).unwrap(), (writer.clone(), record.clone()));
        }
    }

    #[test]
    fn an_export_is_verified_like_the_store_and_names_what_was_changed_in_it() {
        let (writer, records) = chain();
        let export: Vec<String> = records.iter().map(|record| record.to_json_line(&writer).unwrap()).collect();
        let read = |lines: &[String]| -> Vec<StoredRecord> {
            lines.iter().map(|line| StoredRecord::from_json_line(line).unwrap().1).collect()
        };
        assert!(verify(&read(&export)).is_intact());
        let mut changed = export.clone();
        changed[1] = changed[1].replace("no_grant", "no_graft");
        let broken = verify(&read(&changed)).broken.unwrap();
        assert_eq!((broken.sequence, broken.kind), (2, BreakKind::Changed));
        let broken = verify(&read(&[export[0].clone(), export[2].clone()])).broken.unwrap();
        assert_eq!((broken.sequence, broken.kind), (2, BreakKind::Missing));
    }

    #[test]
    fn bytes_that_are_no_json_any_more_are_exported_all_the_same() {
        let (writer, mut records) = chain();
        for bytes in [&b"{\xff}"[..], b"", b" {}", b"{}\n", b"[1]", b"{\"a\":"] {
            records[1].bytes = bytes.into();
            let line = records[1].to_json_line(&writer).unwrap();
            let (_, read) = StoredRecord::from_json_line(&line).unwrap();
            assert_eq!((&*read.bytes, read.hash), (bytes, records[1].hash));
            assert_eq!(verify([&records[0], &read]).broken.unwrap().kind, BreakKind::Changed);
        }
    }

    #[test]
    fn what_is_no_line_of_an_export_is_refused() {
        let (writer, records) = chain();
        let line = records[0].to_json_line(&writer).unwrap();
        let more = line.replacen('{', "{\"more\":1,", 1);
        let both = line.replacen('{', "{\"damaged\":\"00\",", 1);
        let none = r#"{"writer":"w-1","sequence":1,"hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}"#;
        let odd = none.replacen('{', "{\"damaged\":\"0\",", 1);
        for line in ["", "{}", &line[1..], &more, &both, none, &odd] {
            assert!(StoredRecord::from_json_line(line).is_err(), "{line}");
        }
    }
}

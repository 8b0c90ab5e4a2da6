//! Files on alerts.

use serde_json::{Value, json};

use super::alert::Attachment;
use super::{Opsgenie, invalid, malformed, not_found, plain, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::check::Finding;
use crate::multipart::Part;

impl Opsgenie {
    pub(super) fn list_attachments(&self, call: &mut Call<'_>, identifier: &str) -> Result<Answer, Answer> {
        let pairs = plain(call, shapes::ATTACHMENTS)?;
        let alert = self.alert(identifier, pairs.one("alertIdentifierType"))?;
        let data: Vec<Value> = alert
            .attachments
            .iter()
            .map(|file| json!({"id": file.id.to_string(), "name": file.name, "size": file.size}))
            .collect();
        Ok(Answer::json(200, json!({"data": data})))
    }

    pub(super) fn add_attachment(&mut self, call: &mut Call<'_>, identifier: &str) -> Result<Answer, Answer> {
        let pairs = call.query(shapes::ATTACHMENTS).map_err(|why| malformed(&why))?;
        let parts = call.multipart().map_err(|why| malformed(&why))?;
        let findings = wrong_with(&parts);
        if !findings.is_empty() {
            return Err(malformed(&call.refuse_body(findings)));
        }
        let file = parts.iter().find(|part| part.name == "file").ok_or_else(|| not_found("File"))?;
        if file.content.len() > self.attachment_limit {
            let problem = format!("must have at most {} bytes", self.attachment_limit);
            return Err(invalid([("file", problem.as_str())]));
        }
        let id = u64::try_from(call.now().millis()).unwrap_or_default();
        let kind = pairs.one("alertIdentifierType").unwrap_or("id");
        let alert = self.alert_mut(identifier, kind).ok_or_else(|| not_found("Alert"))?;
        let id = alert.attachments.last().map_or(id, |last| id.max(last.id + 1));
        let name = file.filename.clone().unwrap_or_default();
        alert.attachments.push(Attachment { id, name: name.clone(), size: file.content.len() });
        alert.updated = call.now();
        Ok(Answer::json(201, json!({"result": "Attached", "data": {"id": id.to_string(), "name": name}})))
    }
}

/// The parts must be one file with a name, and perhaps `user` and `indexFile`.
fn wrong_with(parts: &[Part]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if parts.iter().take(at).any(|earlier| earlier.name == part.name) {
            findings.push(Finding::new(&part.name, "is given more than once"));
        }
        match part.name.as_str() {
            "file" => {
                let name = part.filename.as_deref().unwrap_or_default();
                if name.is_empty() || name.contains(['/', '\\', '\r', '\n']) {
                    findings.push(Finding::new("file", "must have a plain file name"));
                }
            }
            "user" if part.content.len() > 100 => {
                findings.push(Finding::new("user", "must be text of at most 100 characters"));
            }
            "user" | "indexFile" => {}
            other => findings.push(Finding::new(other, "is not a part of this operation")),
        }
    }
    if !parts.iter().any(|part| part.name == "file") {
        findings.push(Finding::new("file", "is missing"));
    }
    findings
}

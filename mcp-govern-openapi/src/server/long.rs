//! Answers become results: short ones at once, long ones aside.

use std::sync::Arc;

use mcp_govern_core::{CallRules, Credential, Effect, ProviderError, ProviderErrorKind, Sent, ToolName};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    OpenApiServer, RowResult,
    aside::{AsideFault, LONG},
    reach::Seen,
};
use crate::{
    decode::{Decoded, Kept, Trimmed, decode, trim},
    plan::{Paging, Row},
    redact::Redactor,
    send::Answer,
};

/// What is wrong with an answer, and what kind of fault that is.
type Wrong = (ProviderErrorKind, String);

impl OpenApiServer {
    /// Decodes a good answer.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer, or that it could not be decoded before the deadline.
    pub(crate) async fn decoded(
        &self,
        row: &Row,
        arguments: &Map<String, Value>,
        answer: Answer,
        rules: &CallRules,
        credential: Option<&Credential>,
        deadline: Instant,
    ) -> Result<Decoded, Wrong> {
        let wrong = |text: String| (ProviderErrorKind::BadAnswer, format!("the vendor {text}"));
        let values = self.shared.limits.response_values;
        let Answer { status, headers, body, .. } = answer;
        if body.len() <= LONG {
            let kept = Kept { filter: &Seen { reach: &self.reach, rules }, values };
            return decode(row, arguments, status, &headers, &body, Redactor::new(credential), kept).map_err(wrong);
        }
        let (shared, reach, name) = (Arc::clone(&self.shared), Arc::clone(&self.reach), row.name.clone());
        let (arguments, rules, credential) = (arguments.clone(), rules.clone(), credential.cloned());
        let length = body.len();
        let work = move || {
            let row = shared.document.row(&name).ok_or_else(|| format!("answered `{name}`, which is not known"))?;
            let kept = Kept { filter: &Seen { reach: &reach, rules: &rules }, values };
            decode(row, &arguments, status, &headers, &body, Redactor::new(credential.as_ref()), kept)
        };
        self.shared.aside.run(length, deadline, work).await.map_err(told)?.map_err(wrong)
    }

    /// Cuts a result to the size that is handed on.
    ///
    /// # Errors
    ///
    /// When it cannot be cut to that size, or not before the deadline.
    pub(crate) async fn trimmed(
        &self,
        (name, effect): (&ToolName, Effect),
        mut result: RowResult,
        paging: Option<&Paging>,
        arguments: &Map<String, Value>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let limit = self.shared.limits.output_bytes;
        let length = result.content.get().len();
        if length <= limit {
            return Ok(result);
        }
        let trimmed = if length <= LONG {
            trim(&result.content, limit, paging, arguments).map_err(|text| (ProviderErrorKind::BadAnswer, text))
        } else {
            let (content, paging, arguments) = (result.content.clone(), paging.cloned(), arguments.clone());
            let work = move || trim(&content, limit, paging.as_ref(), &arguments);
            match self.shared.aside.run(length, deadline, work).await {
                Ok(trimmed) => trimmed.map_err(|text| (ProviderErrorKind::BadAnswer, text)),
                Err(fault) => Err(told(fault)),
            }
        };
        match trimmed {
            Ok(None) => {}
            Ok(Some(Trimmed { content, notes })) => {
                result.content = content;
                result.notes.extend(notes);
            }
            Err((kind, text)) => {
                let text = match effect {
                    Effect::Read => format!("`{name}`: {text}"),
                    Effect::Write | Effect::Destructive => {
                        format!("`{name}` was carried out and its result cannot be shown: {text}. Do not repeat it")
                    }
                };
                let error = ProviderError::new(kind, text);
                return Err(error.with_sent(Sent::Yes).with_exchanges(result.exchanges));
            }
        }
        Ok(result)
    }
}

fn told(fault: AsideFault) -> Wrong {
    match fault {
        AsideFault::TooLate => {
            let text = "the answer came, and the deadline passed before it was decoded: ask for less, or try again when less is asked at once";
            (ProviderErrorKind::Timeout, text.to_owned())
        }
        AsideFault::Broken => (ProviderErrorKind::Internal, "the answer came, and decoding it broke off".to_owned()),
    }
}

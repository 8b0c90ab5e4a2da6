//! An answer that is not a success becomes an error that says what to do.

use std::{fmt::Write as _, time::SystemTime};

use http::{HeaderMap, StatusCode};
use mcp_govern_core::{Effect, ProviderError, ProviderErrorKind};

use super::OpenApiServer;
use crate::{
    decode::error,
    plan::{LONGEST_WAIT, Row, Throttle},
    redact::Redactor,
    send::{Answer, seconds, unrepeated},
};

impl OpenApiServer {
    /// An answer that is not a success becomes an error that says what to do.
    pub(crate) fn refusal(&self, row: &Row, answer: Answer, redactor: Redactor<'_>) -> ProviderError {
        let policy = &self.shared.document.policy;
        let throttled = answer.throttle != Throttle::No;
        let (headers, status): (&HeaderMap, _) = (&answer.headers, answer.status);
        let remedies = policy.remedies(row.origin.as_deref());
        let plan = &policy.errors;
        let mut refusal = if status == StatusCode::NOT_FOUND && names_nothing(row) {
            let remedies = [error::nothing_there(&self.base)];
            error::read(plan, &remedies, throttled, status, headers, &answer.body, redactor)
        } else {
            error::read(plan, remedies, throttled, status, headers, &answer.body, redactor)
        };
        let title = &self.shared.document.info.title;
        let mut text = format!("`{}`: {title} {}", row.name, refusal.text);
        if status.is_redirection() {
            text.push_str(": it points elsewhere, and redirects are not followed");
        }
        if let Some(path) = self.other_path(row).filter(|_| status == StatusCode::NOT_FOUND) {
            let _ = write!(
                text,
                ". The addresses of {title} are below `{path}`, and the base URL of this server, `{}`, is not: without that \
                 everything is not found",
                self.base
            );
        }
        if refusal.kind == ProviderErrorKind::RateLimited {
            let wait = policy.wait(headers, SystemTime::now()).or_else(|| policy.wait_default().filter(|_| throttled));
            refusal.vendor.retry_after = wait;
            match wait {
                Some(wait) if wait >= LONGEST_WAIT => text.push_str("; it asks to wait for a day or longer"),
                Some(wait) => {
                    let _ = write!(text, "; try again in {} s", seconds(wait));
                }
                None => {}
            }
        } else if let Some(why) = &answer.unrepeated {
            text = unrepeated(&text, why);
        }
        let error = ProviderError::new(refusal.kind, text).with_sent(answer.sent);
        error.with_exchanges(vec![answer.exchange]).with_vendor(refusal.vendor)
    }

    /// The path below which the document's addresses are, where the server's own base URL has another.
    fn other_path(&self, row: &Row) -> Option<&str> {
        let stated = self.shared.document.servers.base().filter(|_| row.origin.is_none())?;
        let path = stated.path().trim_end_matches('/');
        let regions = &self.shared.document.info.regions;
        let own = regions.iter().any(|region| region.base_url.as_str().trim_end_matches('/') == self.base);
        (!own && !path.is_empty() && !self.base.ends_with(path)).then_some(path)
    }
}

/// Whether a row is a read that names no single thing which could be missing.
fn names_nothing(row: &Row) -> bool {
    let reads = row.definition.effect == Effect::Read && row.origin.is_none();
    reads && row.required.is_empty() && !row.path.template().contains('{')
}

//! For the operator of the server: is it alive, is it ready, what does it do.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use mcp_govern_core::{Governor, access::Freshness, audit::AuditHealth};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{identity::Authenticate, metrics::Metrics};

/// How long an answer waits for what requests are judged by.
const IDENTITY: Duration = Duration::from_secs(2);

/// What readiness is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Readiness {
    pub(crate) governor: Governor,
    /// Cancelled when the server closes.
    pub(crate) closing: CancellationToken,
    pub(crate) authenticate: Arc<dyn Authenticate>,
}

/// `/healthz`: the process answers. `/readyz`: calls can be admitted and put on record.
pub(crate) fn health(readiness: Readiness) -> Router {
    let health = Router::new().route("/healthz", get(|| std::future::ready("ok")));
    health.route("/readyz", get(ready)).with_state(readiness)
}

/// `/metrics`.
pub(crate) fn metrics(governor: Governor, metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state((governor, metrics))
}

/// Tells how many servers are at fault and not which: the answer is for anybody who can reach it.
async fn ready(State(readiness): State<Readiness>) -> Response {
    let Readiness { governor, closing, authenticate } = readiness;
    let (status, closing) = (governor.status(), closing.is_cancelled());
    // Being asked gets the keys fetched that were never read: nobody has to call before the first request is answered.
    let identity = tokio::time::timeout(IDENTITY, authenticate.prepare()).await.is_ok_and(|prepared| prepared.is_ok());
    let ready = status.is_ready() && !closing && identity;
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "closing": closing,
        "rules": match status.freshness {
            Freshness::Fresh => "fresh",
            Freshness::Unreadable => "unreadable",
            Freshness::Stale => "stale",
        },
        "identity": if identity { "ready" } else { "unavailable" },
        "record": if status.audit == AuditHealth::Writable { "writable" } else { "unavailable" },
        "revision": status.revision,
        "server_faults": status.servers_at_fault(),
    });
    (code, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn scrape(State((governor, metrics)): State<(Governor, Metrics)>) -> Response {
    match metrics.text(&governor.status()) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

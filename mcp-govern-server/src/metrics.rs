//! What the server counts.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mcp_govern_core::{Exchange, access::Freshness, audit::AuditHealth, governor::Status};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry},
};

use crate::identity::RefusalReason;

/// One label: its values are a closed list of words, so that no caller can make the metrics grow.
type Label = [(&'static str, &'static str); 1];

/// Labels of which one is the id of a registered server, and the others are of closed lists: operators bound them, callers do not.
type ServerLabels<const N: usize> = [(&'static str, String); N];

/// A histogram for each server.
type ByServer = Family<ServerLabels<1>, Histogram, fn() -> Histogram>;

/// Seconds, from what a cache takes to what people wait for.
const SECONDS: [f64; 10] = [0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Counters and gauges. Nothing in them names a person, a client or a tool.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    calls: Family<Label, Counter>,
    by_server: Family<ServerLabels<3>, Counter>,
    vendor_seconds: ByServer,
    vendor_answers: Family<ServerLabels<2>, Counter>,
    denials: Family<Label, Counter>,
    bounds: Family<Label, Counter>,
    unrecorded: Counter,
    refusals: Family<Label, Counter>,
    connects: Family<Label, Counter>,
    cuts: Family<Label, Counter>,
    lists: Counter,
    seconds: Histogram,
    running: Gauge,
    subscriptions: Gauge,
    connections: Gauge,
    ready: Gauge,
    fresh: Gauge,
    writable: Gauge,
    revision: Gauge,
    on_record: Gauge,
    faults: Gauge,
    anchored: Gauge,
    kept: Gauge,
    nodes: Gauge,
    store_bytes: Gauge,
    store_free: Gauge,
}

/// How a call ended, for the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallEnd {
    Success,
    Denied(&'static str),
    Failed,
    BadOutput,
    Asked,
    Cancelled,
    Overdue,
}

/// Why a connection was refused, or closed although its peer would have kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its address has as many as one may have.
    Address,
    /// No caller was authenticated over it in time.
    Stranger,
    /// The peer did not read what was answered.
    NotRead,
}

/// A connection that is open.
pub(crate) struct OpenConnection(Metrics);

/// A call that runs.
pub(crate) struct Running {
    metrics: Metrics,
    began: std::time::Instant,
    end: CallEnd,
    of: Option<Called>,
}

/// Which server and which class of tools a call was of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) server: String,
    pub(crate) class: &'static str,
}

/// A new metric, registered.
fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("mcp_govern");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The release of this library", version);
        let seconds = Histogram::new(SECONDS);
        registry.register("call_seconds", "How long tool calls took", Histogram::clone(&seconds));
        let vendor_seconds = ByServer::new_with_constructor(|| Histogram::new(SECONDS));
        let help = "How long requests to vendors took, from the first attempt to the end of the answer";
        registry.register("vendor_seconds", help, Family::clone(&vendor_seconds));
        let r = &mut registry;
        let inner = Inner {
            calls: add(r, "calls", "Tool calls by how they ended"),
            by_server: add(r, "tool_calls", "Tool calls by server, class of the tool, and how they ended"),
            vendor_seconds,
            vendor_answers: add(
                r,
                "vendor_answers",
                "Requests to vendors by the class of the answer's status; none where no answer came",
            ),
            fresh: add(r, "rules_fresh", "Whether the rules in the store are followed"),
            writable: add(r, "record_writable", "Whether calls can be put on record"),
            denials: add(r, "denials", "Denied tool calls by code"),
            bounds: add(r, "bound_denials", "Tool calls denied by a bound on calls, by bound"),
            unrecorded: add(
                r,
                "unrecorded_denials",
                "Denials that are on record as a count, because one person had too many",
            ),
            refusals: add(r, "refused_requests", "Requests without a good proof of identity, by reason"),
            connects: add(r, "connects", "Attempts to connect an account by how they ended"),
            lists: add(r, "lists", "Lists of tools that were asked for"),
            seconds,
            running: add(r, "calls_running", "Tool calls that run"),
            subscriptions: add(r, "subscriptions", "Streams that receive notices of changes"),
            connections: add(r, "connections", "Connections that are open"),
            cuts: add(r, "connections_cut", "Connections refused or closed by reason"),
            ready: add(r, "ready", "Whether calls are admitted"),
            revision: add(r, "revision", "The revision of the rules"),
            on_record: add(r, "calls_on_record", "Calls in flight, those included whose outcome waits"),
            faults: add(r, "server_faults", "Servers that cannot be opened or discovered"),
            anchored: add(
                r,
                "last_anchor_timestamp_seconds",
                "When the heads of the audit were last put on record, in seconds since 1970; 0 before the first time",
            ),
            kept: add(
                r,
                "kept_revision",
                "The revision of the journal that is kept outside of the store; 0 where none is",
            ),
            nodes: add(r, "nodes", "Nodes between which the vendors' rate limits are divided, this one included"),
            store_bytes: add(r, "store_bytes", "What the store takes; 0 where it does not say"),
            store_free: add(r, "store_free_bytes", "What can still be written to the store; -1 where it does not say"),
            registry,
        };
        Self(Arc::new(inner))
    }

    /// A call begins; its end is counted when the answer is dropped.
    pub(crate) fn call(&self) -> Running {
        self.0.running.inc();
        // Whoever is dropped before it has said how it ended was cancelled.
        Running { metrics: self.clone(), began: std::time::Instant::now(), end: CallEnd::Cancelled, of: None }
    }

    pub(crate) fn listed(&self) {
        self.0.lists.inc();
    }

    pub(crate) fn refused(&self, kind: RefusalReason) {
        self.0.refusals.get_or_create(&[("reason", kind.as_str())]).inc();
    }

    pub(crate) fn connected(&self, end: &'static str) {
        self.0.connects.get_or_create(&[("end", end)]).inc();
    }

    pub(crate) fn subscribed(&self, by: i64) {
        self.0.subscriptions.inc_by(by);
    }

    /// A connection is open until the answer is dropped.
    pub(crate) fn connected_peer(&self) -> OpenConnection {
        self.0.connections.inc();
        OpenConnection(self.clone())
    }

    /// A connection was refused or closed.
    pub(crate) fn cut(&self, cut: Cut) {
        self.0.cuts.get_or_create(&[("reason", cut.as_str())]).inc();
    }

    /// Everything in the `OpenMetrics` text format.
    pub(crate) fn text(&self, status: &Status) -> Result<String, fmt::Error> {
        let inner = &*self.0;
        inner.ready.set(i64::from(status.is_ready()));
        inner.fresh.set(i64::from(status.freshness == Freshness::Fresh));
        inner.writable.set(i64::from(status.audit == AuditHealth::Writable));
        let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        inner.nodes.set(i64::try_from(status.nodes).unwrap_or(i64::MAX));
        inner.store_bytes.set(status.space.map_or(0, |space| bytes(space.used)));
        inner.store_free.set(status.space.and_then(|space| space.free).map_or(-1, bytes));
        inner.revision.set(i64::try_from(status.revision.0).unwrap_or(i64::MAX));
        inner.on_record.set(i64::try_from(status.calls_in_flight).unwrap_or(i64::MAX));
        inner.faults.set(i64::try_from(status.servers_at_fault()).unwrap_or(i64::MAX));
        for (bound, count) in &status.denied_by_bound {
            inner.bounds.get_or_create(&[("bound", bound.as_str())]).inner().store(*count, Ordering::Relaxed);
        }
        inner.unrecorded.inner().store(status.denials_unrecorded, Ordering::Relaxed);
        inner.anchored.set(status.anchored_at.map_or(0, |at| at.as_millis() / 1000));
        let kept = status.kept.map_or(0, |(revision, _)| revision.0);
        inner.kept.set(i64::try_from(kept).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &inner.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(…)")
    }
}

impl Cut {
    fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Stranger => "unauthenticated",
            Self::NotRead => "not_read",
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.connections.dec();
    }
}

impl Running {
    pub(crate) fn ends(&mut self, end: CallEnd) {
        self.end = end;
    }

    /// The call is of this server and class, and led to these exchanges with the vendor.
    pub(crate) fn of(&mut self, called: Called, exchanges: &[Exchange]) {
        let inner = &*self.metrics.0;
        for exchange in exchanges {
            let server = called.server.clone();
            let seconds = Duration::from_millis(exchange.latency_ms).as_secs_f64();
            inner.vendor_seconds.get_or_create(&[("server", server.clone())]).observe(seconds);
            let labels = [("server", server), ("status", status_class(exchange.status).to_owned())];
            inner.vendor_answers.get_or_create(&labels).inc();
        }
        self.of = Some(called);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let inner = &*self.metrics.0;
        inner.running.dec();
        let took: Duration = self.began.elapsed();
        inner.seconds.observe(took.as_secs_f64());
        let word = match self.end {
            CallEnd::Success => "success",
            CallEnd::Denied(code) => {
                inner.denials.get_or_create(&[("code", code)]).inc();
                "denied"
            }
            CallEnd::Failed => "failed",
            CallEnd::BadOutput => "bad_output",
            CallEnd::Asked => "asked_to_connect",
            CallEnd::Cancelled => "cancelled",
            CallEnd::Overdue => "overdue",
        };
        inner.calls.get_or_create(&[("end", word)]).inc();
        if let Some(Called { server, class }) = self.of.take() {
            let labels = [("server", server), ("class", class.to_owned()), ("end", word.to_owned())];
            inner.by_server.get_or_create(&labels).inc();
        }
    }
}

/// The class of an HTTP status.
fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(100..200) => "1xx",
        Some(200..300) => "2xx",
        Some(300..400) => "3xx",
        Some(400..500) => "4xx",
        Some(_) => "5xx",
    }
}

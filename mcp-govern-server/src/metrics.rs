//! What the server counts.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mcp_govern_core::governor::Status;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::identity::AuthErrorKind;

/// One label: its values are a closed list of words, so that nobody outside can make the metrics grow.
type Label = [(&'static str, &'static str); 1];

/// Counters and gauges. Nothing in them names a person, a client or a tool.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    calls: Family<Label, Counter>,
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
    revision: Gauge,
    on_record: Gauge,
    faults: Gauge,
    anchored: Gauge,
    kept: Gauge,
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
    /// Nobody was authenticated over it in time.
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
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("mcp_govern");
        let (calls, denials, refusals, connects, cuts) =
            (Family::default(), Family::default(), Family::default(), Family::default(), Family::default());
        let (lists, running, subscriptions, connections) =
            (Counter::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (ready, revision, on_record, faults) =
            (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (anchored, kept) = (Gauge::default(), Gauge::default());
        let seconds = Histogram::new([0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0]);
        registry.register("calls", "Tool calls by how they ended", Family::clone(&calls));
        registry.register("denials", "Denied tool calls by code", Family::clone(&denials));
        let (bounds, unrecorded) = (Family::<Label, Counter>::default(), Counter::default());
        registry.register("bound_denials", "Tool calls denied by a bound on calls, by bound", Family::clone(&bounds));
        registry.register(
            "unrecorded_denials",
            "Denials that are on record as a count, because one person had too many",
            Counter::clone(&unrecorded),
        );
        registry.register("refused_requests", "Requests without a good proof of identity", Family::clone(&refusals));
        registry.register("connects", "Attempts to connect an account by how they ended", Family::clone(&connects));
        registry.register("lists", "Lists of tools that were asked for", Counter::clone(&lists));
        registry.register("call_seconds", "How long tool calls took", Histogram::clone(&seconds));
        registry.register("calls_running", "Tool calls that run", Gauge::clone(&running));
        registry.register("subscriptions", "Streams that are told of changes", Gauge::clone(&subscriptions));
        registry.register("connections", "Connections that are open", Gauge::clone(&connections));
        registry.register("connections_cut", "Connections refused or closed by reason", Family::clone(&cuts));
        registry.register("ready", "Whether calls are admitted", Gauge::clone(&ready));
        registry.register("revision", "The revision of the rules", Gauge::clone(&revision));
        registry.register(
            "calls_on_record",
            "Calls in flight, those included whose outcome waits",
            Gauge::clone(&on_record),
        );
        registry.register("server_faults", "Servers that cannot be opened or discovered", Gauge::clone(&faults));
        registry.register(
            "last_anchor_timestamp_seconds",
            "When the heads of the audit were last put on record, in seconds since 1970; 0 before the first time",
            Gauge::clone(&anchored),
        );
        registry.register(
            "kept_revision",
            "The revision of the journal that is kept outside of the store; 0 where none is",
            Gauge::clone(&kept),
        );
        Self(Arc::new(Inner {
            registry,
            calls,
            denials,
            bounds,
            unrecorded,
            refusals,
            connects,
            cuts,
            lists,
            seconds,
            running,
            subscriptions,
            connections,
            ready,
            revision,
            on_record,
            faults,
            anchored,
            kept,
        }))
    }

    /// A call begins; its end is counted when the answer is dropped.
    pub(crate) fn call(&self) -> Running {
        self.0.running.inc();
        // Whoever is dropped before it has said how it ended was cancelled.
        Running { metrics: self.clone(), began: std::time::Instant::now(), end: CallEnd::Cancelled }
    }

    pub(crate) fn listed(&self) {
        self.0.lists.inc();
    }

    pub(crate) fn refused(&self, kind: AuthErrorKind) {
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
        inner.revision.set(i64::try_from(status.revision.0).unwrap_or(i64::MAX));
        inner.on_record.set(i64::try_from(status.calls_in_flight).unwrap_or(i64::MAX));
        inner.faults.set(i64::try_from(status.faults.len()).unwrap_or(i64::MAX));
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
    }
}

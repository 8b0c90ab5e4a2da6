//! Opening each provider: reading its document, checking it, making every definition.

use std::hint::black_box;

use mcp_govern_benches::clock::{median, nanos_each};

use crate::figure::Figure;

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        opening("open_statuspage", 20.0, || drop(black_box(mcp_provider_statuspage::provider().expect("a provider")))),
        opening("open_opsgenie", 20.0, || drop(black_box(mcp_provider_opsgenie::provider().expect("a provider")))),
        // Four times the operations of Statuspage.
        opening("open_pagerduty", 60.0, || drop(black_box(mcp_provider_pagerduty::provider().expect("a provider")))),
    ]
}

fn opening(name: &'static str, most: f64, open: impl Fn()) -> Figure {
    let millis = median((0..15).map(|_| nanos_each(1, |_| open()) / 1e6).collect());
    Figure::new(name, millis, most, "ms of CPU", "document parsed, checked, catalogue made".to_owned())
}

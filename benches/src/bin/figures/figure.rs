//! One promised figure.

use std::fmt;

use serde_json::{Value, json};

/// A measured value and the limit that it must not pass.
#[derive(Debug)]
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    limit: Option<f64>,
    unit: &'static str,
    detail: String,
}

impl Figure {
    /// A value that must be at most `limit`.
    pub(crate) fn new(name: &'static str, value: f64, limit: f64, unit: &'static str, detail: String) -> Self {
        Self { name, value, limit: Some(limit), unit, detail }
    }

    /// A value that is told beside a promised one.
    pub(crate) fn told(name: &'static str, value: f64, unit: &'static str, detail: String) -> Self {
        Self { name, value, limit: None, unit, detail }
    }

    /// Whether the value keeps to the limit.
    pub(crate) fn holds(&self) -> bool {
        self.limit.is_none_or(|limit| self.value <= limit)
    }

    /// The figure for machines.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "figure": self.name, "value": self.value, "limit": self.limit, "unit": self.unit,
            "holds": self.holds(), "detail": self.detail,
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, unit, detail, .. } = self;
        match self.limit {
            None => write!(f, "told   {name}: {value:.4} {unit}; {detail}"),
            Some(limit) => {
                let verdict = if self.holds() { "ok    " } else { "MISSED" };
                write!(f, "{verdict} {name}: {value:.4} {unit} (at most {limit:.4}); {detail}")
            }
        }
    }
}

//! Places of secrets in results.

/// A pattern for a place in a result: names, `*` for any one step, `**` for any number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretPath {
    pub(crate) steps: Vec<Step>,
}

/// A step of such a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Any,
    AnyDepth,
}

/// More steps have no bit for the place behind them, where the pattern is looked for.
const MOST_STEPS: usize = 63;

impl SecretPath {
    /// Parses a pattern such as `/services/*/integration_key` or `/**/http_cal_url`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').filter(|rest| !rest.is_empty() && !rest.ends_with("**"));
        let rest = rest
            .ok_or_else(|| format!("`{text}` is not a place in a result: expected `/name/…`, `*` or `**` between"))?;
        let step = |token: &str| match token {
            "*" => Step::Any,
            "**" => Step::AnyDepth,
            name => Step::Name(name.replace("~1", "/").replace("~0", "~")),
        };
        let steps: Vec<Step> = rest.split('/').map(step).collect();
        if steps.len() > MOST_STEPS {
            return Err(format!("`{text}` has more than {MOST_STEPS} steps"));
        }
        Ok(Self { steps })
    }
}

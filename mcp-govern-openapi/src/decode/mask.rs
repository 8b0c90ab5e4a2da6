//! Secrets in results: masked where the document says so, and wherever the caller's own credential shows up.

use mcp_govern_core::{Credential, Secret};
use serde_json::Value;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// A pattern for a place in a result: names, `*` for any one step, `**` for any number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Any,
    AnyDepth,
}

impl SecretPath {
    /// Parses a pattern such as `/services/*/integration_key` or `/**/http_cal_url`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').filter(|rest| !rest.is_empty() && !rest.ends_with("**"));
        let rest =
            rest.ok_or_else(|| format!("`{text}` is no place in a result: expected `/name/…`, `*` or `**` between"))?;
        let step = |token: &str| match token {
            "*" => Step::Any,
            "**" => Step::AnyDepth,
            name => Step::Name(name.replace("~1", "/").replace("~0", "~")),
        };
        Ok(Self { steps: rest.split('/').map(step).collect() })
    }

    /// Masks what the pattern finds. A null stays, so that "there is none" can be told from "there is one".
    pub(crate) fn mask(&self, value: &mut Value) {
        mask(&self.steps, value);
    }

    /// Whether a result can hold something to mask at all; a quick look before a tree is built.
    pub(crate) fn may_touch(&self, json: &str) -> bool {
        match self.steps.last() {
            // An escape could spell the name in another way.
            Some(Step::Name(name)) => json.contains(name.as_str()) || json.contains("\\u"),
            _ => true,
        }
    }
}

fn mask(steps: &[Step], value: &mut Value) {
    let Some((first, rest)) = steps.split_first() else {
        if !value.is_null() {
            *value = Value::from(MASK);
        }
        return;
    };
    match first {
        Step::Name(name) => {
            let inner = match value {
                Value::Object(members) => members.get_mut(name),
                Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                _ => None,
            };
            if let Some(inner) = inner {
                mask(rest, inner);
            }
        }
        Step::Any => children(value, &mut |inner| mask(rest, inner)),
        Step::AnyDepth => {
            mask(rest, value);
            children(value, &mut |inner| mask(steps, inner));
        }
    }
}

fn children(value: &mut Value, act: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Object(members) => members.values_mut().for_each(act),
        Value::Array(items) => items.iter_mut().for_each(act),
        _ => {}
    }
}

/// Takes the caller's own secrets out of whatever the vendor sends back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scrubber<'a> {
    credential: Option<&'a Credential>,
}

/// Shorter secrets are not looked for: they would mask ordinary words.
const SHORTEST: usize = 6;

impl<'a> Scrubber<'a> {
    /// For the secrets of a credential, in every form in which a body may repeat them.
    pub(crate) fn new(credential: Option<&'a Credential>) -> Self {
        Self { credential }
    }

    /// The text without the secrets; `None` when it holds none.
    pub(crate) fn scrub(self, text: &str) -> Option<String> {
        // Nearly no text holds one: the forms are made when it may.
        if !self.secrets().any(|secret| text.contains(core(secret.expose()))) {
            return None;
        }
        let mut forms: Vec<Secret> = self.secrets().flat_map(|secret| forms(secret.expose())).collect();
        // The longest form first, so that no rest of one stays behind another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
        let mut clean = None::<String>;
        for form in &forms {
            let current = clean.as_deref().unwrap_or(text);
            if current.contains(form.expose()) {
                clean = Some(current.replace(form.expose(), MASK));
            }
        }
        clean
    }

    /// The text, scrubbed.
    pub(crate) fn clean(self, text: String) -> String {
        self.scrub(&text).unwrap_or(text)
    }

    fn secrets(self) -> impl Iterator<Item = &'a Secret> {
        let secrets = self.credential.into_iter().flat_map(|credential| credential.fields().values());
        secrets.filter(|secret| secret.expose().len() >= SHORTEST)
    }
}

/// The longest stretch of a secret that no form of it writes in another way.
///
/// INVARIANT: every form holds it (`a_secret_is_found_in_every_form_a_body_gives_it`).
fn core(secret: &str) -> &str {
    let unreserved = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    secret.split(|c| !unreserved(c)).max_by_key(|stretch| stretch.len()).unwrap_or_default()
}

/// A secret as it is, as JSON writes it, with and without `\/`, and percent-encoded.
fn forms(secret: &str) -> [Secret; 4] {
    let escaped = Value::from(secret).to_string();
    let escaped = escaped.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(secret);
    let encoded = crate::bind::percent(secret).to_string();
    [Secret::new(secret), Secret::new(escaped), Secret::new(escaped.replace('/', "\\/")), Secret::new(encoded)]
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::AuthMethodId;
    use serde_json::json;

    use super::*;

    fn masked(pattern: &str, mut value: Value) -> Value {
        SecretPath::parse(pattern).unwrap().mask(&mut value);
        value
    }

    #[test]
    fn patterns_find_names_any_step_and_any_depth() {
        let value = json!({"a": [{"key": "1"}, {"key": null}], "key": "2", "b": {"c": {"key": {"x": 1}}}});
        assert_eq!(masked("/a/*/key", value.clone())["a"], json!([{"key": "***"}, {"key": null}]));
        assert_eq!(masked("/a/1/key", json!({"a": [1, {"key": 2}]})), json!({"a": [1, {"key": "***"}]}));
        let everywhere = masked("/**/key", value);
        assert_eq!(everywhere, json!({"a": [{"key": "***"}, {"key": null}], "key": "***", "b": {"c": {"key": "***"}}}));
        assert_eq!(masked("/nothing/here", json!({"a": 1})), json!({"a": 1}));
    }

    #[test]
    fn a_pattern_without_a_name_at_its_end_is_refused() {
        for pattern in ["", "key", "/", "/**", "/a/**"] {
            assert!(SecretPath::parse(pattern).is_err(), "{pattern}");
        }
        assert!(SecretPath::parse("/**/key").unwrap().may_touch(r#"{"k\u0065y":1}"#));
        assert!(!SecretPath::parse("/**/key").unwrap().may_touch(r#"{"kex":1}"#));
    }

    #[test]
    fn a_secret_is_found_in_every_form_a_body_gives_it() {
        let credential = |secret: &str| {
            Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("token", Secret::new(secret))
        };
        let secret = credential("s3cr/t\"+x");
        let scrubber = Scrubber::new(Some(&secret));
        for text in [r#"{"a":"s3cr/t\"+x"}"#, r#"{"a":"s3cr\/t\"+x"}"#, "?apiKey=s3cr%2Ft%22%2Bx&b=1", "s3cr/t\"+x"] {
            let clean = scrubber.scrub(text).unwrap();
            assert!(clean.contains(MASK) && !clean.contains("s3cr"), "{clean}");
        }
        assert_eq!(scrubber.scrub("nothing here"), None);
        assert!(Scrubber::new(Some(&credential("abc"))).scrub("abc").is_none());
        // A secret of which every character is written in another way somewhere.
        let secret = credential("/\"/\"/\"");
        for text in [r#"{"a":"/\"/\"/\""}"#, r#"{"a":"\/\"\/\"\/\""}"#, "?k=%2F%22%2F%22%2F%22", "/\"/\"/\""] {
            assert!(Scrubber::new(Some(&secret)).scrub(text).is_some_and(|clean| clean.contains(MASK)), "{text}");
        }
    }
}

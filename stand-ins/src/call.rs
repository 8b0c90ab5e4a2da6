//! One request while it is being answered: what a vendor's code asks of it, and what it does wrong.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::check::{Finding, Param, Shape, check_json, check_pairs};
use crate::moment::Moment;
use crate::multipart::{self, Part};
use crate::seen::{Seen, pairs_of};

/// A request under examination. Whatever breaks the vendor's rules is written down as a violation.
#[derive(Debug)]
pub struct Call<'a> {
    seen: &'a Seen,
    now: Moment,
    secrets: &'a [String],
    violations: Vec<String>,
}

/// Why a request was not understood.
#[derive(Debug)]
pub(crate) enum Malformed {
    /// Another content type than the operation takes.
    ContentType,
    /// A body that does not parse.
    Syntax,
    /// A wrong query.
    Query(Vec<Finding>),
    /// A body of the wrong shape.
    Body(Vec<Finding>),
}

/// The decoded pairs of a query or a form that passed its check.
#[derive(Debug)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl<'a> Call<'a> {
    pub(crate) fn new(seen: &'a Seen, now: Moment, secrets: &'a [String]) -> Self {
        let mut call = Self { seen, now, secrets, violations: Vec::new() };
        call.look_for_secrets();
        call
    }

    pub(crate) fn into_violations(self) -> Vec<String> {
        self.violations
    }

    pub(crate) fn seen(&self) -> &'a Seen {
        self.seen
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// The decoded path segments; a segment that is no UTF-8 is a violation and matches no route.
    pub(crate) fn segments(&mut self) -> Vec<String> {
        let path = self.seen.path().strip_prefix('/').unwrap_or_default();
        let decoded: Result<Vec<String>, _> = path
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned))
            .collect();
        decoded.unwrap_or_else(|_| {
            self.violate("a path segment is not UTF-8");
            Vec::new()
        })
    }

    /// Writes down that the request breaks a rule.
    pub(crate) fn violate(&mut self, what: &str) {
        let mut text = format!("{} {}: {what}", self.seen.method(), self.seen.path());
        for secret in self.secrets {
            text = text.replace(secret.as_str(), "<key>");
        }
        self.violations.push(text);
    }

    /// The value of the authorization header when there is exactly one.
    pub(crate) fn authorization(&mut self) -> Option<&'a str> {
        let values: Vec<&str> = self.seen.header_values("authorization").collect();
        if let [value] = values.as_slice() {
            return Some(value);
        }
        self.violate(&format!("{} authorization headers instead of one", values.len()));
        None
    }

    /// The query, when every name and value is known to the operation.
    pub(crate) fn query(&mut self, params: &[Param]) -> Result<Pairs, Malformed> {
        let pairs = self.seen.query_pairs();
        let findings = check_pairs(&pairs, params);
        self.note(&findings, "query");
        if findings.is_empty() { Ok(Pairs(pairs)) } else { Err(Malformed::Query(findings)) }
    }

    /// Demands that there is no body.
    pub(crate) fn no_body(&mut self) -> Result<(), Malformed> {
        if self.seen.body().is_empty() {
            return Ok(());
        }
        let findings = vec![Finding::new("body", "is not expected by this operation")];
        self.note(&findings, "body");
        Err(Malformed::Body(findings))
    }

    /// The JSON body, when it has the shape.
    pub(crate) fn json(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        self.content_type("application/json")?;
        let Ok(value) = serde_json::from_slice(self.seen.body()) else {
            self.violate("the body is not JSON");
            return Err(Malformed::Syntax);
        };
        let findings = check_json(&value, shape);
        self.note(&findings, "body");
        if findings.is_empty() { Ok(value) } else { Err(Malformed::Body(findings)) }
    }

    /// The JSON body where the operation works without one too; nothing stands for an empty object.
    pub(crate) fn json_or_nothing(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        if self.seen.body().is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { self.json(shape) }
    }

    /// The pairs of a form-encoded body.
    pub(crate) fn form(&mut self, params: &[Param]) -> Result<Pairs, Malformed> {
        self.content_type("application/x-www-form-urlencoded")?;
        let pairs = pairs_of(self.seen.body());
        let findings = check_pairs(&pairs, params);
        self.note(&findings, "form");
        if findings.is_empty() { Ok(Pairs(pairs)) } else { Err(Malformed::Body(findings)) }
    }

    /// The parts of a multipart body.
    pub(crate) fn multipart(&mut self) -> Result<Vec<Part>, Malformed> {
        self.content_type("multipart/form-data")?;
        let boundary = self.seen.header("content-type").and_then(multipart::boundary_of);
        let parts = boundary.and_then(|boundary| multipart::parts_of(self.seen.body(), &boundary));
        parts.ok_or_else(|| {
            self.violate("the body is not multipart/form-data");
            Malformed::Syntax
        })
    }

    /// Writes down findings of a body that a vendor's own code made.
    pub(crate) fn refuse_body(&mut self, findings: Vec<Finding>) -> Malformed {
        self.note(&findings, "body");
        Malformed::Body(findings)
    }

    /// Writes down findings of a query that a vendor's own code made.
    pub(crate) fn refuse_query(&mut self, findings: Vec<Finding>) -> Malformed {
        self.note(&findings, "query");
        Malformed::Query(findings)
    }

    fn content_type(&mut self, expected: &str) -> Result<(), Malformed> {
        let given = self.seen.header("content-type").unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        self.violate(&format!("content-type `{given}` instead of `{expected}`"));
        Err(Malformed::ContentType)
    }

    fn note(&mut self, findings: &[Finding], part: &str) {
        for finding in findings {
            self.violate(&format!("{part}: {finding}"));
        }
    }

    /// INVARIANT: a key belongs into the authorization header and nowhere else (`a_key_in_the_url_is_a_violation`).
    fn look_for_secrets(&mut self) {
        let query = self.seen.query().unwrap_or_default();
        let names_a_key = self.seen.query_pairs().iter().any(|(name, _)| {
            matches!(name.to_ascii_lowercase().as_str(), "api_key" | "apikey" | "token" | "access_token" | "geniekey")
        });
        if names_a_key {
            self.violate("a key in the query");
        }
        for secret in self.secrets {
            let decoded = percent_decode_str(query).decode_utf8_lossy().into_owned();
            if self.seen.path().contains(secret.as_str()) || decoded.contains(secret.as_str()) {
                self.violate("a key in the address");
            }
            if contains(self.seen.body(), secret.as_bytes()) {
                self.violate("a key in the body");
            }
            for (name, value) in self.seen.headers() {
                if name != "authorization" && value.contains(secret.as_str()) {
                    self.violate(&format!("a key in the header `{name}`"));
                }
            }
        }
    }
}

impl Pairs {
    /// The value of a parameter that is given once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// The values of a repeated parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, text)| text.as_str()).collect()
    }

    /// Whether a repeated parameter is absent or holds one of the values.
    pub(crate) fn allows<'v>(&self, name: &str, values: impl IntoIterator<Item = &'v str>) -> bool {
        let wanted = self.all(name);
        wanted.is_empty() || values.into_iter().any(|value| wanted.contains(&value))
    }

    /// A whole number, or what holds without one.
    pub(crate) fn whole(&self, name: &str, otherwise: usize) -> usize {
        self.one(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// Whether a flag is given and true.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.one(name) == Some("true")
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}

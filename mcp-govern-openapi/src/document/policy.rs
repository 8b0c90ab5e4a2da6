//! What holds for every exchange with a vendor: constant headers, throttling, errors, remedies, warnings.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{
    OWN_ORIGIN,
    govern::{DocumentGovern, ErrorsGovern, RemedyGovern, RequestIdGovern, ThrottleGovern, WaitGovern, WaitUnit},
    refs::Checked,
};
use crate::{
    bind::{check_header_name, check_header_value},
    decode::{
        Pointer,
        error::{ErrorPlan, RemedyRule, header_matches, kind_from_word, wait_of},
    },
};

/// The top-level `x-govern`, compiled.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The same with the capitals of the document.
    pub(crate) stated_headers: BTreeMap<String, String>,
    throttle: Vec<ThrottleGovern>,
    wait: Vec<(HeaderName, WaitUnit)>,
    wait_default: Option<Duration>,
    pub(crate) rates: BTreeMap<Arc<str>, Rate>,
    pub(crate) errors: ErrorPlan,
    /// By the role of the origin that they are about.
    remedies: BTreeMap<String, Vec<RemedyRule>>,
    warnings: Vec<(HeaderName, String, String)>,
}

/// So many requests in any stretch of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) requests: usize,
    pub(crate) per: Duration,
}

impl Rate {
    /// The part of one of so many nodes that share it: all of them together send no more than the whole.
    pub(crate) fn among(self, nodes: NonZeroUsize) -> Self {
        let requests = self.requests / nodes;
        if requests > 0 {
            return Self { requests, per: self.per };
        }
        // There are more nodes than requests: each sends one in a longer stretch.
        let longer = nodes.get().div_ceil(self.requests.max(1));
        Self { requests: 1, per: self.per.saturating_mul(u32::try_from(longer).unwrap_or(u32::MAX)) }
    }
}

/// Whether a status says "too many requests", and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttle {
    No,
    /// The request was turned away, but it is not said that nothing was done.
    Unclear,
    /// The request was turned away before anything was done.
    NothingDone,
}

impl Policy {
    /// Compiles what the document states; what it leaves out has the defaults of plain HTTP.
    pub(crate) fn new(stated: &DocumentGovern) -> Checked<Self> {
        let mut headers = Vec::new();
        for (name, value) in &stated.headers {
            let fault = |fault: &str| format!("`headers.{name}` {fault}");
            headers.push((check_header_name(name)?, check_header_value(value).map_err(fault)?));
        }
        let throttle = stated.throttle.as_deref().map_or_else(
            || vec![ThrottleGovern { status: 429, nothing_done: false }],
            |stated| stated.iter().map(|t| ThrottleGovern { status: t.status, nothing_done: t.nothing_done }).collect(),
        );
        let rate = |(name, rate): (&String, &super::govern::RateGovern)| match (rate.requests, rate.per_ms) {
            (0 | 100_001.., _) | (_, 0) => {
                Err(format!("`rates.{name}`: expected 1 to 100000 requests per 1 or more ms"))
            }
            (requests, per) => Ok((Arc::from(name.as_str()), Rate { requests, per: Duration::from_millis(per) })),
        };
        Ok(Self {
            headers,
            stated_headers: stated.headers.clone(),
            throttle,
            wait: waits(stated.wait.as_deref())?,
            wait_default: stated.wait_default_ms.map(Duration::from_millis),
            rates: stated.rates.iter().map(rate).collect::<Checked<_>>()?,
            errors: error_plan(stated.errors.as_ref())?,
            remedies: remedies(stated)?,
            warnings: stated
                .warnings
                .iter()
                .map(|w| Ok((header_name(&w.header)?, w.equals.clone(), w.text.clone())))
                .collect::<Checked<_>>()?,
        })
    }

    /// Whether the vendor turned the request away because there were too many.
    pub(crate) fn throttle(&self, status: StatusCode) -> Throttle {
        match self.throttle.iter().find(|throttle| throttle.status == status.as_u16()) {
            None => Throttle::No,
            Some(ThrottleGovern { nothing_done: true, .. }) => Throttle::NothingDone,
            Some(_) => Throttle::Unclear,
        }
    }

    /// How long the vendor asks to wait.
    pub(crate) fn wait(&self, headers: &HeaderMap) -> Option<Duration> {
        wait_of(headers, &self.wait, std::time::SystemTime::now())
    }

    /// How long to wait after a throttle status that does not say it.
    pub(crate) fn wait_default(&self) -> Option<Duration> {
        self.wait_default
    }

    /// What to tell people of errors from an origin; from the server's base URL without one.
    pub(crate) fn remedies(&self, origin: Option<&str>) -> &[RemedyRule] {
        self.remedies.get(origin.unwrap_or(OWN_ORIGIN)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The sentences of the warnings that the answer's headers carry.
    pub(crate) fn warnings(&self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let told = |(name, equals, _): &&(HeaderName, String, String)| header_matches(headers, name, Some(equals));
        self.warnings.iter().filter(told).map(|(.., text)| text.as_str())
    }
}

fn waits(stated: Option<&[WaitGovern]>) -> Checked<Vec<(HeaderName, WaitUnit)>> {
    match stated {
        None => Ok(vec![(http::header::RETRY_AFTER, WaitUnit::Seconds)]),
        Some(stated) => stated.iter().map(|wait| Ok((header_name(&wait.header)?, wait.unit))).collect(),
    }
}

fn error_plan(stated: Option<&ErrorsGovern>) -> Checked<ErrorPlan> {
    let usual;
    let stated = if let Some(stated) = stated {
        stated
    } else {
        usual = usual_errors();
        &usual
    };
    let pointers = |texts: &[String]| texts.iter().map(|text| Pointer::parse(text)).collect::<Checked<Vec<_>>>();
    Ok(ErrorPlan {
        message: pointers(&stated.message)?,
        code: pointers(&stated.code)?,
        details: pointers(&stated.details)?,
        scopes: pointers(&stated.scopes)?,
        request_id_headers: stated.request_id.headers.iter().map(|name| header_name(name)).collect::<Checked<_>>()?,
        request_id_body: pointers(&stated.request_id.body)?,
    })
}

/// Where errors keep their parts at most vendors.
fn usual_errors() -> ErrorsGovern {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    ErrorsGovern {
        message: texts(&["/message", "/error/message", "/error_description", "/error", "/detail", "/title", "/errors"]),
        code: texts(&["/code", "/error/code", "/error/status"]),
        details: texts(&["/errors", "/error/errors", "/details"]),
        scopes: Vec::new(),
        request_id: RequestIdGovern {
            headers: texts(&["x-request-id", "request-id", "x-correlation-id"]),
            body: Vec::new(),
        },
    }
}

fn remedies(stated: &DocumentGovern) -> Checked<BTreeMap<String, Vec<RemedyRule>>> {
    let mut remedies: BTreeMap<String, Vec<RemedyRule>> = BTreeMap::new();
    for of_one in &stated.remedies {
        let origin = of_one.origin.as_deref().unwrap_or(OWN_ORIGIN);
        if origin != OWN_ORIGIN && !stated.origin_roles.contains_key(origin) {
            return Err(format!("`remedies`: `origin: {origin}` is none of the document's `origin_roles`"));
        }
        remedies.entry(origin.to_owned()).or_default().push(remedy(of_one)?);
    }
    Ok(remedies)
}

fn remedy(stated: &RemedyGovern) -> Checked<RemedyRule> {
    let kind = stated.kind.as_deref().map(|word| {
        kind_from_word(word).ok_or_else(|| {
            format!(
                "`remedies`: `{word}` is no kind: expected invalid, unauthorized, forbidden, plan_limit, not_found, gone, \
                 conflict, already_done, not_ready, rate_limited, vendor_failure, rejected or config"
            )
        })
    });
    if stated.equals.is_some() && stated.header.is_none() {
        return Err("`remedies`: `equals` needs `header`".to_owned());
    }
    let header = stated.header.as_deref().map(header_name).transpose()?;
    Ok(RemedyRule {
        status: stated.status,
        code: stated.code.clone(),
        contains: stated.contains.as_deref().map(str::to_lowercase),
        header: header.map(|name| (name, stated.equals.clone())),
        kind: kind.transpose()?,
        remedy: stated.remedy.clone(),
        without_message: stated.without_message.clone(),
    })
}

/// The name of a header of an answer.
pub(crate) fn header_name(name: &str) -> Checked<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(stated: serde_json::Value) -> Checked<Policy> {
        Policy::new(&serde_json::from_value(stated).unwrap())
    }

    #[test]
    fn without_a_word_of_the_document_plain_http_holds() {
        let policy = policy(json!({})).unwrap();
        assert_eq!(policy.throttle(StatusCode::TOO_MANY_REQUESTS), Throttle::Unclear);
        assert_eq!(policy.throttle(StatusCode::SERVICE_UNAVAILABLE), Throttle::No);
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("3"))]);
        assert_eq!(policy.wait(&headers), Some(Duration::from_secs(3)));
        assert_eq!(policy.wait_default(), None);
    }

    #[test]
    fn a_warning_is_told_when_its_header_says_so() {
        let stated = json!({"warnings": [{"header": "X-State", "equals": "THROTTLED", "text": "slow"}]});
        let policy = policy(stated).unwrap();
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("x-state"), HeaderValue::from_static("throttled"))]);
        assert_eq!(policy.warnings(&headers).collect::<Vec<_>>(), ["slow"]);
        assert_eq!(policy.warnings(&HeaderMap::new()).count(), 0);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (stated, part) in [
            (json!({"headers": {"Host": "x"}}), "Host"),
            (json!({"headers": {"X-A": "a\nb"}}), "X-A"),
            (json!({"rates": {"default": {"requests": 0, "per_ms": 1}}}), "rates.default"),
            (json!({"remedies": [{"kind": "sad", "remedy": "x"}]}), "`sad`"),
            (json!({"remedies": [{"equals": "a", "remedy": "x"}]}), "needs `header`"),
            (json!({"remedies": [{"origin": "elsewhere", "remedy": "x"}]}), "`origin: elsewhere`"),
            (json!({"errors": {"message": ["message"]}}), "`message`"),
            (json!({"wait": [{"header": "a b", "unit": "seconds"}]}), "a b"),
        ] {
            assert!(policy(stated).unwrap_err().contains(part), "{part}");
        }
    }
}

//! What holds for every exchange with a vendor: constant headers, throttling, errors, remedies, warnings.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::HeaderName;
use mcp_govern_core::ProviderErrorKind;

use super::{
    govern::{DocumentGovern, ErrorsGovern, RateGovern, RemedyGovern, RequestIdGovern, WaitGovern, WaitUnitGovern},
    refs::Checked,
};
use crate::{
    header::{check_header_name, check_header_value, header_name},
    plan::{ErrorPlan, OWN_ORIGIN, Policy, Rate, RemedyRule, ThrottleRule, WaitUnit},
    pointer::Pointer,
};

impl Policy {
    /// Compiles what the document states; what it leaves out has the defaults of plain HTTP.
    pub(crate) fn new(stated: &DocumentGovern) -> Checked<Self> {
        let mut headers = Vec::new();
        for (name, value) in &stated.headers {
            let fault = |fault: &str| format!("`headers.{name}` {fault}");
            headers.push((check_header_name(name)?, check_header_value(value).map_err(fault)?));
        }
        let throttle = stated.throttle.as_deref().map_or_else(
            || vec![ThrottleRule { status: 429, nothing_done: false }],
            |stated| stated.iter().map(|t| ThrottleRule { status: t.status, nothing_done: t.nothing_done }).collect(),
        );
        let rate = |(name, rate): (&String, &RateGovern)| match (rate.requests, rate.per_ms) {
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
}

fn waits(stated: Option<&[WaitGovern]>) -> Checked<Vec<(HeaderName, WaitUnit)>> {
    match stated {
        None => Ok(vec![(http::header::RETRY_AFTER, WaitUnit::Seconds)]),
        Some(stated) => stated.iter().map(|wait| Ok((header_name(&wait.header)?, wait.unit.into()))).collect(),
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
                "`remedies`: `{word}` is not a kind: expected invalid, unauthorized, forbidden, plan_limit, not_found, gone, \
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

/// The words that a document may use for a kind.
fn kind_from_word(word: &str) -> Option<ProviderErrorKind> {
    Some(match word {
        "invalid" | "invalid_arguments" => ProviderErrorKind::InvalidArguments,
        "unauthorized" => ProviderErrorKind::Unauthorized,
        "forbidden" => ProviderErrorKind::Forbidden,
        "plan_limit" => ProviderErrorKind::PlanLimit,
        "not_found" | "gone" => ProviderErrorKind::NotFound,
        "conflict" | "already_done" | "not_ready" => ProviderErrorKind::Conflict,
        "rate_limited" => ProviderErrorKind::RateLimited,
        "vendor_failure" => ProviderErrorKind::VendorFailure,
        "rejected" => ProviderErrorKind::Rejected,
        "config" => ProviderErrorKind::Config,
        _ => return None,
    })
}

impl From<WaitUnitGovern> for WaitUnit {
    fn from(stated: WaitUnitGovern) -> Self {
        match stated {
            WaitUnitGovern::Seconds => Self::Seconds,
            WaitUnitGovern::Milliseconds => Self::Milliseconds,
            WaitUnitGovern::EpochSeconds => Self::EpochSeconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::plan::Throttle;

    fn policy(stated: serde_json::Value) -> Checked<Policy> {
        Policy::new(&serde_json::from_value(stated).unwrap())
    }

    #[test]
    fn without_a_word_of_the_document_plain_http_holds() {
        let policy = policy(json!({})).unwrap();
        assert_eq!(policy.throttle(StatusCode::TOO_MANY_REQUESTS), Throttle::Unclear);
        assert_eq!(policy.throttle(StatusCode::SERVICE_UNAVAILABLE), Throttle::No);
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("3"))]);
        assert_eq!(policy.wait(&headers, SystemTime::now()), Some(Duration::from_secs(3)));
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

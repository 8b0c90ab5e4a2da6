//! Checks against vendors that misbehave on the wire: every failure of the right kind, in bounded time and memory.

use std::time::{Duration, Instant};

use mcp_govern_core::{ProviderErrorKind, Sent};

use url::Url;

use super::{
    ProviderCase, harness,
    raw::{Answer, RawVendor},
};
use crate::failure::{Failure, Verdict, ensure};

/// How a read failed.
struct Failed {
    kind: ProviderErrorKind,
    sent: Sent,
    message: String,
}

async fn read(case: &dyn ProviderCase, base_url: &str, timeout: Duration) -> Result<Failed, Failure> {
    let url = Url::parse(base_url).map_err(|error| Failure::new(error.to_string()))?;
    let harness = harness(case, url, Some("some-key")).await?;
    let (tool, arguments) = case.read();
    let call = harness.call_until(&tool, arguments, Instant::now() + timeout);
    let answer = tokio::time::timeout(timeout + Duration::from_secs(20), call).await;
    match answer {
        Err(_) => Err(Failure::new("the call goes on long after its deadline")),
        Ok(Ok(success)) => Err(Failure::new(format!("the call succeeds: {success:?}"))),
        Ok(Err(error)) => match error.provider_error() {
            Some(error) => Ok(Failed { kind: error.kind(), sent: error.sent(), message: error.message().to_owned() }),
            None => Err(Failure::new(format!("governance denies the call: {error}"))),
        },
    }
}

async fn raw(answer: Answer) -> Result<RawVendor, Failure> {
    RawVendor::start(answer).await.map_err(|error| Failure::new(error.to_string()))
}

/// For answers that never come.
const SHORT: Duration = Duration::from_millis(1_500);
/// For answers that do come, also on a machine that is busy with other work.
const LONG: Duration = Duration::from_secs(60);

/// Nobody listens: `network` (or `timeout`, where the deadline ends the retries), and nothing was sent.
///
/// # Errors
///
/// What is wrong.
pub async fn a_closed_port_is_a_network_error_and_nothing_was_sent(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Silence).await?;
    let url = vendor.base_url();
    drop(vendor);
    tokio::task::yield_now().await;
    let failed = read(case, &url, SHORT).await?;
    let kinds = [ProviderErrorKind::Network, ProviderErrorKind::Timeout];
    ensure!(kinds.contains(&failed.kind), "a closed port is `{}`: {}", failed.kind, failed.message);
    ensure!(failed.sent == Sent::No, "a closed port sent {:?}", failed.sent);
    Ok(())
}

/// The vendor takes the request and never answers: `timeout`, and the request may have been carried out.
///
/// # Errors
///
/// What is wrong.
pub async fn a_silent_vendor_is_given_up_at_the_deadline(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Silence).await?;
    let mut failed = read(case, &vendor.base_url(), SHORT).await?;
    for timeout in [SHORT * 4, SHORT * 16] {
        // On a busy machine the deadline may pass before anything was sent.
        if vendor.requests() == 0 {
            failed = read(case, &vendor.base_url(), timeout).await?;
        }
    }
    ensure!(failed.kind == ProviderErrorKind::Timeout, "silence is `{}`: {}", failed.kind, failed.message);
    ensure!(failed.sent == Sent::Maybe, "silence sent {:?}", failed.sent);
    ensure!(vendor.requests() > 0, "the vendor saw no request");
    Ok(())
}

/// A redirect is an answer that nobody asked for; the other place is never asked.
///
/// # Errors
///
/// What is wrong.
pub async fn a_redirect_is_not_followed(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Bytes(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ))
    .await?;
    let failed = read(case, &vendor.base_url(), LONG).await?;
    ensure!(failed.kind == ProviderErrorKind::BadAnswer, "a redirect is `{}`: {}", failed.kind, failed.message);
    ensure!(vendor.requests() == 1, "a redirect is asked for {} times", vendor.requests());
    Ok(())
}

/// HTML with status 200 is no answer.
///
/// # Errors
///
/// What is wrong.
pub async fn a_page_in_place_of_json_is_a_bad_answer(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Bytes(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<html>Hi</html>",
    ))
    .await?;
    let failed = read(case, &vendor.base_url(), LONG).await?;
    ensure!(failed.kind == ProviderErrorKind::BadAnswer, "a page is `{}`: {}", failed.kind, failed.message);
    Ok(())
}

/// A body that never ends is cut off at the cap, not at the deadline.
///
/// # Errors
///
/// What is wrong.
pub async fn an_endless_body_is_cut_off(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Endless(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")).await?;
    let failed = read(case, &vendor.base_url(), LONG).await?;
    ensure!(failed.kind == ProviderErrorKind::BadAnswer, "an endless body is `{}`: {}", failed.kind, failed.message);
    Ok(())
}

/// A body that is shorter than it said is an error, not a shorter result.
///
/// # Errors
///
/// What is wrong.
pub async fn a_torn_body_is_an_error(case: &dyn ProviderCase) -> Verdict {
    let vendor = raw(Answer::Bytes(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\nconnection: close\r\n\r\n{\"data\":[",
    ))
    .await?;
    let failed = read(case, &vendor.base_url(), LONG).await?;
    let kinds = [ProviderErrorKind::Network, ProviderErrorKind::BadAnswer, ProviderErrorKind::Timeout];
    ensure!(kinds.contains(&failed.kind), "a torn body is `{}`: {}", failed.kind, failed.message);
    ensure!(failed.sent != Sent::No, "a torn body sent nothing");
    Ok(())
}

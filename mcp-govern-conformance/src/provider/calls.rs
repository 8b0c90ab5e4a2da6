//! Checks of calls, probes and previews against a vendor that behaves.

use mcp_govern_core::{
    CredentialOwner, CredentialSharing, CredentialVerdict, DenialCode, ProviderErrorKind, Sent, governor::CallSuccess,
};
use serde_json::{Value, json};

use super::{ProviderCase, harness};
use crate::{
    Harness,
    failure::{Failure, Verdict, ensure},
};

const KEY: &str = "the-right-key-of-the-vendor";

/// A read succeeds, tells that it is about to send, names its exchanges, and leaves an intent and an outcome.
///
/// # Errors
///
/// What is wrong.
pub async fn a_call_reaches_the_vendor_and_is_on_record(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    let harness = harness(case, vendor.base_url(), Some(KEY)).await?;
    let (tool, arguments) = case.read();
    let success = harness.call(&tool, arguments).await.map_err(|error| Failure::new(format!("the read: {error}")))?;
    ensure!(vendor.requests() > 0, "the vendor saw no request");
    let CallSuccess { output, .. } = success;
    output.to_value()?;
    ensure!(output.exchanges.len() == 1, "one request makes {} exchanges", output.exchanges.len());
    let exchange = &output.exchanges[0];
    ensure!(exchange.status.is_some_and(|status| (200..300).contains(&status)), "the exchange is {exchange:?}");
    ensure!(exchange.path.starts_with('/'), "the exchange's path is `{}`", exchange.path);
    let untold = harness.governor().status().untold;
    ensure!(untold.is_empty(), "it sent without asking `CallObserver::sending` before: {untold:?}");
    harness.close().await;
    let records = harness.records().await?;
    for kind in ["intent.v1", "outcome.v1"] {
        ensure!(records.iter().any(|record| record.contains(kind)), "there is no {kind} among {records:#?}");
    }
    Ok(())
}

/// Without a credential the call is denied with `credential_missing`; the vendor sees nothing.
///
/// # Errors
///
/// What is wrong.
pub async fn a_call_without_a_credential_sends_nothing(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    let harness = harness(case, vendor.base_url(), None).await?;
    let (tool, arguments) = case.read();
    match harness.call(&tool, arguments).await {
        Err(error) if error.code() == Some(DenialCode::CredentialMissing) => {}
        other => {
            return Err(Failure::new(format!("without a credential the read answers {other:?}")));
        }
    }
    ensure!(vendor.requests() == 0, "the vendor saw {} requests", vendor.requests());
    Ok(())
}

/// A misspelt argument is refused before anything is sent: vendors ignore unknown parameters and answer unfiltered.
///
/// # Errors
///
/// What is wrong.
pub async fn an_unknown_argument_sends_nothing(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    let harness = harness(case, vendor.base_url(), Some(KEY)).await?;
    let (tool, mut arguments) = case.read();
    if let Value::Object(map) = &mut arguments {
        map.insert("no_such_argument".to_owned(), json!("x"));
    }
    match harness.call(&tool, arguments).await {
        Err(error) if error.code() == Some(DenialCode::InvalidArguments) => {
            let text = error.to_string();
            ensure!(text.contains("no_such_argument"), "the refusal does not name the argument: `{text}`");
        }
        other => return Err(Failure::new(format!("an unknown argument answers {other:?}"))),
    }
    ensure!(vendor.requests() == 0, "the vendor saw {} requests", vendor.requests());
    Ok(())
}

/// A key that the vendor refuses is told as [`ProviderErrorKind::Unauthorized`].
///
/// # Errors
///
/// What is wrong.
pub async fn a_refused_key_is_told_clearly(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    let harness = harness(case, vendor.base_url(), Some("a-key-that-the-vendor-refuses")).await?;
    let (tool, arguments) = case.read();
    let Err(error) = harness.call(&tool, arguments).await else {
        return Err(Failure::new("a wrong key reads"));
    };
    if let CredentialOwner::User(_) = owner_of(case, &harness)? {
        // A person's own is to be connected again, and is not sent until then.
        let code = error.code();
        ensure!(code == Some(DenialCode::CredentialUnusable), "a person's own wrong key is `{code:?}`: {error}");
        ensure!(error.sent() != Sent::Maybe, "the vendor answered, and yet `sent` is `maybe`");
        return Ok(());
    }
    let Some(error) = error.provider_error() else {
        return Err(Failure::new(format!("a wrong key is denied by governance: {error}")));
    };
    ensure!(error.kind() == ProviderErrorKind::Unauthorized, "a wrong key is `{}`: {error}", error.kind());
    ensure!(error.sent() != Sent::Maybe, "the vendor answered, and yet `sent` is `maybe`");
    ensure!(!error.exchanges().is_empty(), "the refused request is not an exchange");
    ensure!(error.vendor().and_then(|vendor| vendor.status).is_some(), "the vendor's status is not told");
    Ok(())
}

/// A probe reports the right key as accepted and another one as rejected: a report both times.
///
/// # Errors
///
/// What is wrong.
pub async fn a_probe_tells_a_good_key_from_a_bad_one(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    for (key, verdict) in [(KEY, CredentialVerdict::Accepted), ("another-key", CredentialVerdict::Rejected)] {
        let harness = harness(case, vendor.base_url(), None).await?;
        let owner = owner_of(case, &harness)?;
        let credential = case.credential(key)?;
        let report =
            harness.governor().probe_with(&prober(&harness, &owner), harness.server(), &owner, &credential).await;
        let report = report.map_err(|error| Failure::new(format!("probing: {error}")))?;
        ensure!(report.verdict == verdict, "the probe says {:?}, expected {verdict:?}", report.verdict);
    }
    Ok(())
}

fn owner_of(case: &dyn ProviderCase, harness: &Harness) -> Result<CredentialOwner, Failure> {
    let state = harness.governor().state();
    let server = state.servers().get(harness.server()).ok_or_else(|| Failure::new("the server is gone"))?;
    drop(case.provider()?);
    Ok(match server.spec().sharing {
        CredentialSharing::Shared => CredentialOwner::Shared,
        CredentialSharing::PerUser => CredentialOwner::User(harness.person().user.clone()),
    })
}

fn prober(harness: &Harness, owner: &CredentialOwner) -> mcp_govern_core::Actor {
    match owner {
        CredentialOwner::Shared => harness.admin().clone(),
        CredentialOwner::User(user) => mcp_govern_core::Actor::new(user.clone(), []),
    }
}

/// A preview shows the request and sends nothing.
///
/// # Errors
///
/// What is wrong.
pub async fn a_preview_sends_nothing(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor(KEY).await?;
    let harness = harness(case, vendor.base_url(), Some(KEY)).await?;
    let (tool, arguments) = case.read();
    let preview = harness.governor().preview(harness.person(), harness.request(&tool, arguments));
    let preview = preview.map_err(|error| Failure::new(format!("the preview: {error}")))?;
    ensure!(preview.url.starts_with(vendor.base_url().as_str().trim_end_matches('/')), "it shows `{}`", preview.url);
    ensure!(!format!("{preview:?}").contains(KEY), "the preview shows the key");
    ensure!(vendor.requests() == 0, "the vendor saw {} requests", vendor.requests());
    Ok(())
}

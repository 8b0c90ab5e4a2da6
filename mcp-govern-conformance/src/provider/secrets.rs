//! Plants a secret and searches everything that is said, kept or returned for it.

use mcp_govern_core::{CredentialOwner, governor::Probe};

use super::{ProviderCase, harness};
use crate::{
    CANARY, LeakDetector,
    failure::{Failure, Verdict, ensure},
};

/// A key that works: calls, probes and previews show it nowhere but in the vendor's request.
///
/// # Errors
///
/// Where it stands.
pub async fn the_secret_of_a_good_key_stands_nowhere(case: &dyn ProviderCase) -> Verdict {
    let detector = LeakDetector::listen();
    let vendor = case.vendor(CANARY).await?;
    let harness = harness(case, vendor.base_url(), Some(CANARY)).await?;
    let (tool, arguments) = case.read();
    let success = harness.call(&tool, arguments.clone()).await;
    let success = success.map_err(|error| Failure::new(format!("the read with the right key: {error}")))?;
    detector.look("the output", success.output.content.get());
    detector.look_at("the result", &success);
    detector.look_at("the preview", &harness.governor().preview(harness.person(), harness.request(&tool, arguments)));
    everywhere(case, &harness, &detector).await?;
    detector.verdict()
}

/// A key that the vendor refuses, and one that cannot be sent: no error shows it.
///
/// # Errors
///
/// Where it stands.
pub async fn the_secret_of_a_bad_key_stands_nowhere(case: &dyn ProviderCase) -> Verdict {
    let detector = LeakDetector::listen();
    let vendor = case.vendor("the right one").await?;
    for secret in [CANARY.to_owned(), format!("{CANARY}\r\nX-Injected: yes"), format!("{CANARY} ünï")] {
        let harness = harness(case, vendor.base_url(), Some(&secret)).await?;
        let (tool, arguments) = case.read();
        let Err(error) = harness.call(&tool, arguments).await else {
            return Err(Failure::new("a wrong key reads"));
        };
        detector.look_at_error("the error of a call", &error);
        if let Some(error) = error.provider_error() {
            detector.look_at("the vendor's words", &error.vendor());
            detector.look_at("the exchanges", &error.exchanges());
        }
        everywhere(case, &harness, &detector).await?;
    }
    detector.verdict()
}

async fn everywhere(case: &dyn ProviderCase, harness: &crate::Harness, detector: &LeakDetector) -> Verdict {
    let governor = harness.governor();
    let credential = case.credential(CANARY)?;
    detector.look_at("the credential", &credential);
    let owner = CredentialOwner::Shared;
    match governor.probe_with(harness.admin(), harness.server(), &owner, &credential).await {
        Ok(report) => detector.look_at("the probe's report", &report),
        Err(error) => detector.look_at_error("the probe's error", &error),
    }
    let set = governor.set_shared_credential(harness.admin(), harness.server(), credential, Probe::Required).await;
    detector.look_at("the answer to setting it", &set);
    detector.look_at("the governor", governor);
    detector.look_at("the state", &governor.state());
    detector.look_at("the status", &governor.status());
    harness.close().await;
    let records = harness.records().await?;
    ensure!(!records.is_empty(), "nothing is on record");
    for record in &records {
        detector.look("a record", record);
    }
    let mut commits = governor.subscribe(mcp_govern_core::journal::Revision::ZERO);
    let last = governor.revision();
    loop {
        let commit = commits.next().await.map_err(|error| Failure::new(error.to_string()))?;
        detector.look_at("a commit", &commit);
        if commit.revision >= last {
            return Ok(());
        }
    }
}

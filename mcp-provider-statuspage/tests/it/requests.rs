//! Writes that fail at the vendor.

use mcp_govern_conformance::{
    kit::{Fixture, failure, success},
    wire::Case,
};
use mcp_govern_core::ProviderErrorKind;
use stand_ins::Fault;

use crate::{cases::cases, kit::Statuspage};

/// A write that failed in the middle is the caller's to look after; one that was turned away was not done.
#[tokio::test]
async fn every_write_is_sent_once_after_a_failure_and_again_after_it_was_turned_away() {
    let cases: Vec<_> = cases().await.into_iter().filter(|case| case.method() != "GET").collect();
    assert!(cases.len() > 60, "{}", cases.len());
    let tools: Vec<&str> = cases.iter().flat_map(Case::tools).collect();
    let fixture = Fixture::open_only(&Statuspage, &tools).await.unwrap();
    let (vendor, harness) = (fixture.stand_in(), fixture.harness());
    for case in cases {
        fixture.renew().unwrap();
        for (tool, arguments) in case.before() {
            success(harness, tool, arguments.clone()).await;
        }
        vendor.forget_requests();
        vendor.fail_next(Fault::status(503));
        let failed = failure(harness, case.tool(), case.arguments()).await;
        assert_eq!((failed.kind, vendor.count()), (ProviderErrorKind::VendorFailure, 1), "`{}`", case.tool());
        assert!(failed.message.contains("look before you repeat it"), "{}", failed.message);
        vendor.fail_next(Fault::Throttle { retry_after: Some(0) });
        success(harness, case.tool(), case.arguments()).await;
        assert_eq!(vendor.count(), 3, "`{}`", case.tool());
    }
}

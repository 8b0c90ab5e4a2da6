//! Governance commits: deciding, applying, replaying, and their encoding.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

#[path = "journal/access.rs"]
mod access;
#[path = "journal/approval.rs"]
mod approval;
#[path = "journal/blueprint.rs"]
mod blueprint;
#[path = "journal/drift.rs"]
mod drift;
#[path = "journal/editions.rs"]
mod editions;
#[path = "journal/effective_access.rs"]
mod effective_access;
#[path = "journal/golden.rs"]
mod golden;
#[path = "journal/own.rs"]
mod own;
#[path = "journal/replay.rs"]
mod replay;
#[path = "journal/requests.rs"]
mod requests;
#[path = "journal/servers.rs"]
mod servers;
#[path = "journal/support.rs"]
mod support;
#[path = "journal/sync.rs"]
mod sync;
#[path = "journal/table.rs"]
mod table;
#[path = "journal/toolsets.rs"]
mod toolsets;

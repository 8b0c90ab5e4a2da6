//! Lists: short at first, read to their end by `next`, and shortened to some members.

use mcp_govern_conformance::lists::look_at_list;
use serde_json::json;

use crate::setup::open;

#[tokio::test]
async fn every_list_is_short_by_default_takes_its_own_next_and_names_what_fields_leave_out() {
    let mut faults = Vec::new();
    for tool in ["list_alerts", "list_schedules"] {
        let (vendor, harness) = open().await;
        match look_at_list(&harness, tool, &json!({})).await {
            Ok(Some(found)) => {
                println!("{tool}: {:?} bytes, {} pages of one", found.default_bytes, found.pages);
                assert!(tool == "list_schedules" || found.pages > 1, "{tool}");
                faults.extend(found.faults);
            }
            Ok(None) => faults.push(format!("`{tool}` gives no list")),
            Err(fault) => faults.push(fault.to_string()),
        }
        faults.extend(vendor.violations());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

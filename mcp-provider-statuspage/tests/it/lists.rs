//! Lists: short at first, read to their end by `next`, and shortened to some members.

use mcp_govern_conformance::lists::look_at_list;

use crate::{
    cases::{Made, cases},
    setup::open_only,
};

#[tokio::test]
async fn every_list_is_short_by_default_takes_its_own_next_and_names_what_fields_leave_out() {
    let (mut faults, mut lists, mut long) = (Vec::new(), 0, 0);
    let mut seen: Vec<&str> = Vec::new();
    for case in cases(&Made::default()) {
        let tool = case.tool();
        if !tool.starts_with("list_") || seen.contains(&tool) {
            continue;
        }
        seen.push(tool);
        let (vendor, harness) = open_only(&[tool]).await;
        match look_at_list(&harness, tool, &case.arguments()).await {
            Ok(Some(found)) => {
                lists += 1;
                long += usize::from(found.pages > 1);
                println!("{tool}: {:?} bytes, {} pages of one", found.default_bytes, found.pages);
                faults.extend(found.faults);
            }
            Ok(None) => faults.push(format!("`{tool}` gives no list")),
            Err(fault) => faults.push(fault.to_string()),
        }
        faults.extend(vendor.violations());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(lists >= 20 && long >= 10, "{lists} lists were read, {long} of them over several pages");
}

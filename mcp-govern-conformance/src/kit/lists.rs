//! Lists: short at first, read to their end by `next`, and shortened to some members.

use std::collections::BTreeSet;

use crate::{
    Failure, Verdict,
    kit::{Fixture, ProviderKit},
    lists::look_at_list,
    wire::Case,
};

/// Every tool whose name begins with `list_` answers with a list that is short where the caller asks for nothing in particular, is read
/// to its end by its own `next`, and names what `fields` leave out: see [`look_at_list`]. At least [`ProviderKit::long_lists`] of them
/// are read over several pages.
///
/// # Errors
///
/// Everything that is wrong, a line each.
pub async fn every_list_is_short_is_read_to_its_end_and_names_what_it_leaves_out<K: ProviderKit>(kit: &K) -> Verdict {
    let cases = kit.cases().await;
    let names: BTreeSet<&str> = cases.iter().map(Case::tool).filter(|tool| tool.starts_with("list_")).collect();
    let fixture = Fixture::open_only(kit, &names.iter().copied().collect::<Vec<_>>()).await?;
    let (mut faults, mut long) = (Vec::new(), 0);
    for tool in names {
        // The required arguments are the same in every case that succeeds.
        let Some(case) = cases.iter().find(|case| case.tool() == tool) else { continue };
        match look_at_list(fixture.harness(), tool, &case.arguments()).await {
            Ok(Some(found)) => {
                long += usize::from(found.pages > 1);
                faults.extend(found.faults);
            }
            Ok(None) => faults.push(format!("`{tool}` gives no list")),
            Err(fault) => faults.push(fault.to_string()),
        }
        faults.extend(K::seen(fixture.stand_in()).violations);
        fixture.renew()?;
    }
    let due = kit.long_lists();
    if long < due {
        faults.push(format!("{long} lists are longer than a page of one, expected {due} at least"));
    }
    Failure::unless_none(&faults)
}

//! Every tool, and the exact request that it sends.

use std::collections::BTreeSet;

use mcp_govern_core::{Effect, ToolName};

use crate::{
    Failure, Verdict,
    kit::{Fixture, ProviderKit},
    wire::Case,
};

/// Every tool that is one operation has a case, and every case is of a tool. Tools over several operations may have one.
///
/// # Errors
///
/// The tools without a case, and the cases without a tool.
pub async fn every_tool_has_a_case<K: ProviderKit>(kit: &K) -> Verdict {
    let (catalogue, cases) = (kit.catalogue(), kit.cases().await);
    let sent: BTreeSet<&str> = cases.iter().map(Case::tool).collect();
    let without = catalogue.tools.iter().filter(|tool| tool.uses().is_empty() && !sent.contains(tool.name.as_str()));
    let mut faults: Vec<String> = without.map(|tool| format!("`{}` has no case", tool.name)).collect();
    let is_known = |name: &str| ToolName::new(name).is_ok_and(|name| catalogue.tool(&name).is_some());
    let unknown = sent.into_iter().filter(|name| !is_known(name));
    faults.extend(unknown.map(|name| format!("there is a case of `{name}`, which is not a tool of the catalogue")));
    Failure::unless_none(&faults)
}

/// Each case sends the request that it says, and nothing else, with the headers that the kit says; its preview shows that request and
/// sends nothing; it answers what it says; and the stand-in finds no fault with it. One stand-in and one governor serve all cases.
///
/// # Errors
///
/// Everything that differs, a line each.
pub async fn every_tool_sends_exactly_its_request_and_its_preview_shows_it<K: ProviderKit>(kit: &K) -> Verdict {
    let cases = kit.cases().await;
    let tools: BTreeSet<&str> = cases.iter().flat_map(Case::tools).collect();
    let fixture = Fixture::open_only(kit, &tools.into_iter().collect::<Vec<_>>()).await?;
    let mut faults = Vec::new();
    for case in &cases {
        faults.extend(faults_of(kit, &fixture, case).await?);
        if changes_something(kit, case) {
            K::reset(fixture.stand_in());
        }
        fixture.renew_limits()?;
    }
    Failure::unless_none(&faults)
}

async fn faults_of<K: ProviderKit>(kit: &K, fixture: &Fixture<'_, K>, case: &Case) -> Result<Vec<String>, Failure> {
    let (harness, tool) = (fixture.harness(), case.tool());
    let mut faults = Vec::new();
    let known = K::seen(fixture.stand_in()).violations.len();
    for (before, arguments) in case.before() {
        if let Err(error) = harness.call(before, arguments.clone()).await {
            faults.push(format!("{tool}: `{before}`, which must have been called before, fails: {error}"));
        }
    }
    let already = fixture.requests().len();
    match harness.governor().preview(harness.person(), harness.request(tool, case.arguments())) {
        Ok(preview) => faults.extend(case.preview_faults(&K::seen(fixture.stand_in()).base_url, &preview)),
        Err(error) => faults.push(format!("{tool}: the preview fails: {error}")),
    }
    if fixture.requests().len() != already {
        faults.push(format!("{tool}: the preview sent something"));
    }
    let already = fixture.requests().len();
    faults.extend(case.answer_faults(&harness.call(tool, case.arguments()).await));
    let seen = K::seen(fixture.stand_in());
    let sent = seen.requests.get(already..).unwrap_or_default();
    faults.extend(case.all_faults(sent, |method, target| kit.headers(Fixture::<K>::SECRET, method, target)));
    faults.extend(seen.violations.into_iter().skip(known));
    Ok(faults)
}

/// Whether a tool that the case calls does more than read. One that the catalogue does not have may do anything.
fn changes_something<K: ProviderKit>(kit: &K, case: &Case) -> bool {
    let catalogue = kit.catalogue();
    let effect = |name: &str| ToolName::new(name).ok().and_then(|name| catalogue.tool(&name).map(|tool| tool.effect));
    case.tools().into_iter().any(|tool| effect(tool) != Some(Effect::Read))
}

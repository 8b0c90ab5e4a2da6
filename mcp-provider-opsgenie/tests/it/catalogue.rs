//! What the document says of the tools.

use mcp_govern_core::{Effect, Provider, Risk};
use mcp_provider_opsgenie::provider;

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

#[test]
fn what_pages_people_or_shows_them_is_sensitive() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let sensitive = tool.effect != Effect::Read || tool.name.as_str() == "get_on_calls";
        assert_eq!(tool.risk, if sensitive { Risk::Sensitive } else { Risk::None }, "`{}`", tool.name);
    }
    let create = provider.catalogue().tools.iter().find(|tool| tool.name.as_str() == "create_alert").unwrap();
    assert!(create.notifies.is_some());
}

#[test]
fn the_end_of_the_api_is_announced() {
    let provider = provider().unwrap();
    assert_eq!(provider.info().sunset.as_ref().map(|sunset| sunset.date.as_str()), Some("2027-04-05"));
}

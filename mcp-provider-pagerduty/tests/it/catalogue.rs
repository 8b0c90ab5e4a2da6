//! What the document says of the tools.

use mcp_govern_core::{CredentialSharing, Effect, OAuthFlows, Provider, Risk};
use mcp_provider_pagerduty::{ACCESS_TOKEN_FIELD, API_KEY, API_KEY_FIELD, OAUTH, PROVIDER, provider};

#[test]
fn every_operation_states_its_effect_and_describes_itself() {
    assert_eq!(provider().unwrap().lint(), Vec::<String>::new());
}

#[test]
fn what_pages_people_is_sensitive_and_what_can_silence_them_is_destructive() {
    let provider = provider().unwrap();
    for tool in &provider.catalogue().tools {
        let (effect, least) = match tool.name.as_str() {
            "update_incidents" => (Effect::Destructive, Risk::Dangerous),
            "update_incident" => (Effect::Destructive, Risk::Sensitive),
            "create_incident" => (Effect::Write, Risk::Sensitive),
            "list_on_calls" | "get_current_user" => (Effect::Read, Risk::Sensitive),
            _ => (Effect::Read, Risk::None),
        };
        assert_eq!((tool.effect, tool.risk), (effect, least), "`{}`", tool.name);
        assert_eq!(tool.notifies.is_some(), effect != Effect::Read, "`{}`", tool.name);
    }
}

#[test]
fn a_key_may_be_shared_and_a_token_is_its_owners_alone() {
    let provider = provider().unwrap();
    let info = provider.info();
    assert_eq!(info.id.as_str(), PROVIDER);
    let methods: Vec<_> = info
        .auth_methods
        .iter()
        .map(|method| {
            let fields: Vec<&str> = method.fields.iter().map(|field| field.name.as_str()).collect();
            (method.id.as_str(), fields, method.sharing.contains(&CredentialSharing::Shared))
        })
        .collect();
    assert_eq!(
        methods,
        [(API_KEY, vec![API_KEY_FIELD], true), (OAUTH, vec![ACCESS_TOKEN_FIELD, OAuthFlows::REFRESH_TOKEN], false)]
    );
}

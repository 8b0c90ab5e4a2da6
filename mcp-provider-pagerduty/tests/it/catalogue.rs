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
    let tools = &provider.catalogue().tools;
    for tool in tools {
        let is_read = tool.effect == Effect::Read;
        assert!(!is_read || tool.notifies.is_none(), "`{}` is a read and notifies", tool.name);
        assert!(
            tool.notifies.is_none() || tool.risk >= Risk::Sensitive,
            "`{}` notifies and is not sensitive",
            tool.name
        );
        let deletes = tool.name.as_str().starts_with("delete_");
        assert!(!deletes || tool.effect == Effect::Destructive, "`{}` deletes", tool.name);
        assert!(tool.effect != Effect::Destructive || tool.risk >= Risk::Sensitive, "`{}` destroys", tool.name);
    }
    for (name, effect, risk) in [
        ("update_incidents", Effect::Destructive, Risk::Dangerous),
        ("update_incident", Effect::Destructive, Risk::Sensitive),
        ("resolve_incident", Effect::Destructive, Risk::Sensitive),
        ("acknowledge_incident", Effect::Write, Risk::Sensitive),
        ("create_incident", Effect::Write, Risk::Sensitive),
        ("merge_incidents", Effect::Destructive, Risk::Sensitive),
        ("update_orchestration_router", Effect::Destructive, Risk::Dangerous),
        ("create_webhook_subscription", Effect::Write, Risk::Dangerous),
        ("create_service_integration", Effect::Write, Risk::Dangerous),
        ("delete_user", Effect::Destructive, Risk::Dangerous),
        ("invoke_automation_action", Effect::Destructive, Risk::Dangerous),
        ("query_incident_metrics", Effect::Read, Risk::None),
        ("list_on_calls", Effect::Read, Risk::Sensitive),
        ("get_current_user", Effect::Read, Risk::Sensitive),
    ] {
        let tool = tools.iter().find(|tool| tool.name.as_str() == name).unwrap();
        assert_eq!((tool.effect, tool.risk), (effect, risk), "`{name}`");
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

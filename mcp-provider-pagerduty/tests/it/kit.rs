//! What the tests of every provider need to know of this one.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_conformance::{
    kit::{ProviderKit, Seen},
    provider_kit,
    wire::{Case, SentRequest},
};
use mcp_govern_core::{
    AuthMethodId, Catalogue, Credential, CredentialSharing, Provider, Secret, ServerSpec, ToolPrefix,
};
use mcp_govern_openapi::{Limits, OpenApiProvider};
use mcp_provider_pagerduty::{ACCESS_TOKEN_FIELD, ACTOR_EMAIL, API_KEY, API_KEY_FIELD, OAUTH, PROVIDER, builder};
use serde_json::{Value, json};
use stand_ins::PagerDutyStandIn;
use url::Url;

use crate::requests::wants_from;

/// The login of a user of the stand-in's account.
pub(crate) const ACTOR: &str = "marit.visser@example.com";

/// `PagerDuty` with a credential of one kind.
pub(crate) struct PagerDuty(pub(crate) Who);

/// Whose credential a governor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The account's key: it has no user.
    Account,
    /// A key of the account that may only read.
    ReadOnly,
    /// A user's own key.
    User,
    /// A user's OAuth token.
    Token,
}

/// With short pauses.
static READ_ONCE: LazyLock<OpenApiProvider> = LazyLock::new(|| {
    let limits = Limits::new().with_pauses(Duration::from_millis(1), Duration::from_millis(4));
    builder().limits(limits).build().unwrap()
});

#[async_trait]
impl ProviderKit for PagerDuty {
    type StandIn = PagerDutyStandIn;

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(READ_ONCE.with_own_limiter())
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(READ_ONCE.catalogue())
    }

    fn spec(&self, base_url: Url) -> ServerSpec {
        self.0.spec(base_url)
    }

    fn credential(&self, secret: &str) -> Credential {
        self.0.credential(secret)
    }

    async fn start(&self, secret: &str) -> PagerDutyStandIn {
        let vendor = PagerDutyStandIn::builder();
        let vendor = match self.0 {
            Who::Account => vendor.with_key(secret),
            Who::ReadOnly => vendor.with_read_only_key(secret),
            Who::User => vendor.with_user_key(secret),
            Who::Token => vendor.with_user_token(secret),
        };
        vendor.start().await
    }

    fn seen(vendor: &PagerDutyStandIn) -> Seen {
        let requests = vendor.requests_as(SentRequest::new);
        Seen { base_url: vendor.base_url(), requests, violations: vendor.violations() }
    }

    fn reset(vendor: &PagerDutyStandIn) {
        vendor.reset();
    }

    fn read(&self) -> (String, Value) {
        ("list_incidents".to_owned(), json!({"statuses": ["triggered"]}))
    }

    fn long_lists(&self) -> usize {
        3
    }

    async fn cases(&self) -> Vec<Case> {
        crate::requests::cases(self.0)
    }

    /// A key is told in whose name something changes, where the reference wants it; a token speaks for its own user.
    fn headers(&self, secret: &str, method: &str, target: &str) -> Vec<(&'static str, String)> {
        let scheme = if self.0 == Who::Token { "Bearer " } else { "Token token=" };
        let mut headers = vec![
            ("accept", "application/vnd.pagerduty+json;version=2".to_owned()),
            ("authorization", format!("{scheme}{secret}")),
        ];
        let path = target.split('?').next().unwrap_or_default();
        if self.0 != Who::Token && wants_from(method, path) {
            headers.push(("from", ACTOR.to_owned()));
        }
        if path.starts_with("/ip_allow_lists") {
            headers.push(("x-early-access", "ip-allow-lists".to_owned()));
        }
        headers
    }
}

impl Who {
    /// The secret that the stand-in knows.
    pub(crate) fn secret(self, vendor: &PagerDutyStandIn) -> String {
        match self {
            Self::Account => vendor.good_key(),
            Self::ReadOnly => vendor.read_only_key(),
            Self::User => vendor.user_key(),
            Self::Token => vendor.user_token(),
        }
    }

    /// A credential with this secret.
    pub(crate) fn credential(self, secret: &str) -> Credential {
        let field = if self == Self::Token { ACCESS_TOKEN_FIELD } else { API_KEY_FIELD };
        Credential::new(self.method()).with_field(field, Secret::new(secret))
    }

    /// A server at this address that takes such credentials.
    pub(crate) fn spec(self, base_url: Url) -> ServerSpec {
        let prefix = ToolPrefix::new("pagerduty").unwrap();
        let spec = ServerSpec::new(PROVIDER.parse().unwrap(), "Incidents", prefix, self.method());
        let spec = spec.with_base_url(base_url);
        if self == Self::Token {
            spec.with_sharing(CredentialSharing::PerUser)
        } else {
            spec.with_config(ACTOR_EMAIL, ACTOR)
        }
    }

    fn method(self) -> AuthMethodId {
        AuthMethodId::new(if self == Self::Token { OAUTH } else { API_KEY }).unwrap()
    }
}

// A token has every tool.
provider_kit!(PagerDuty(Who::Token));

mod with_a_key {
    use mcp_govern_conformance::{kit, provider_suite};

    use super::{PagerDuty, Who};

    provider_suite!(PagerDuty(Who::Account));

    #[tokio::test]
    async fn every_tool_sends_exactly_its_request_and_says_in_whose_name() {
        let kit = PagerDuty(Who::Account);
        kit::every_tool_sends_exactly_its_request_and_its_preview_shows_it(&kit).await.unwrap();
    }

    #[tokio::test]
    async fn a_users_key_reads_who_the_user_is() {
        let kit = PagerDuty(Who::User);
        kit::every_tool_sends_exactly_its_request_and_its_preview_shows_it(&kit).await.unwrap();
    }
}

mod with_a_token {
    use mcp_govern_conformance::provider_suite;

    use super::{PagerDuty, Who};

    provider_suite!(PagerDuty(Who::Token));
}

//! The demonstration: a tenant over stand-ins of the three vendors, for users without a file.

use example_vendors::{Account, Place, Vendor};
use mcp_govern_core::{
    Classification, GrantId, Grantee, ParseIdError, ProfileId, Secret, ServerId, UserId,
    blueprint::{Blueprint, GrantBlueprint, ServerBlueprint, ToolChoice},
};
use stand_ins::{OpsgenieStandIn, PagerDutyStandIn, StatuspageStandIn};

use crate::{
    config::{Config, Document},
    credentials::ServerCredential,
    failure::Failure,
    random,
};

const GOVERNANCE: &str = include_str!("demo.toml");

/// The vendors' stand-ins. They stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Demonstration {
    statuspage: StatuspageStandIn,
    opsgenie: OpsgenieStandIn,
    pagerduty: PagerDutyStandIn,
}

impl Demonstration {
    /// Starts the stand-ins on free ports of this machine.
    pub(crate) async fn start() -> Self {
        Self {
            statuspage: StatuspageStandIn::start().await,
            opsgenie: OpsgenieStandIn::start().await,
            pagerduty: PagerDutyStandIn::start().await,
        }
    }

    /// What is governed, with everything that is on call granted to `person`.
    pub(crate) fn config(&self, person: &UserId) -> Result<Config, Failure> {
        let mut blueprint: Blueprint =
            toml::from_str(GOVERNANCE).map_err(|error| Failure::Other(format!("demo.toml: {error}")))?;
        let harmless = [Classification::Read, Classification::Write, Classification::Sensitive].map(ToolChoice::Class);
        for (account, place) in self.accounts() {
            let row = ServerBlueprint::new(account.server_spec(&place)?).with_approve(harmless.clone());
            blueprint.servers.insert(ServerId::new(account.vendor().id())?, row);
        }
        let grant = GrantBlueprint::new(ProfileId::new("on-call")?, Grantee::User(person.clone()));
        blueprint.grants.insert(GrantId::new("you-on-call")?, grant);
        Ok(Config { file: None, document: Document::default(), blueprint })
    }

    /// The keys that the stand-ins accept.
    pub(crate) fn credentials(&self) -> Result<Vec<ServerCredential>, ParseIdError> {
        let credential =
            |(account, _): (Account, Place)| Ok((ServerId::new(account.vendor().id())?, account.credential()?));
        self.accounts().into_iter().map(credential).collect()
    }

    fn accounts(&self) -> [(Account, Place); 3] {
        let account = |vendor, key: String| Account::new(vendor, Secret::new(key));
        let at = |url| Place::default().with_base_url(url);
        // A key of a person, so that `get_current_user` has an answer.
        let of_pagerduty =
            account(Vendor::PagerDuty, self.pagerduty.user_key()).with_actor_email(self.pagerduty.actor_email());
        // Alerts are changed with the key of an integration alone.
        let of_opsgenie = account(Vendor::Opsgenie, self.opsgenie.good_key())
            .with_integration_key(Secret::new(self.opsgenie.integration_key()));
        [
            (account(Vendor::Statuspage, self.statuspage.good_key()), at(self.statuspage.base_url())),
            (of_opsgenie, at(self.opsgenie.base_url())),
            (of_pagerduty, at(self.pagerduty.base_url())),
        ]
    }
}

/// A token that cannot be guessed: 192 random bits.
pub(crate) fn random_token() -> Result<Secret, Failure> {
    Ok(Secret::new(format!("demo-{}", random::digits(&random::bytes::<24>()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_demonstration_speaks_of_servers_that_are_there() {
        let demonstration = Demonstration::start().await;
        let config = demonstration.config(&UserId::new("os", "ann").unwrap()).unwrap();
        assert_eq!(config.blueprint.servers.len(), 3);
        assert_eq!(demonstration.credentials().unwrap().len(), 3);
        let mut providers = crate::providers::Providers::read(&config).unwrap();
        assert_eq!(providers.check(&config).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_start_has_a_token_of_its_own() {
        let (one, other) = (random_token().unwrap(), random_token().unwrap());
        assert!(one.expose() != other.expose() && one.expose().len() == 53);
    }
}

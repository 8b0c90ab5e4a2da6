//! Who plays the vendors: stand-ins on loopback, or the vendors themselves.

use example_vendors::{Account, AccountError, Environment, Place, Vendor};
use mcp_govern_core::Secret;
use stand_ins::{OpsgenieStandIn, PagerDutyStandIn, StatuspageStandIn};

/// Who plays the vendors.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) players: Vec<Player>,
    pub(crate) kind: Kind,
}

/// Whether anything leaves this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stand-ins on loopback.
    StandIns,
    /// The vendors that the environment has keys for.
    Vendors,
}

/// One vendor of the story.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) account: Account,
    pub(crate) place: Place,
    double: Option<Double>,
}

/// A stand-in: it stops when it is dropped.
#[derive(Debug)]
enum Double {
    Statuspage(StatuspageStandIn),
    Opsgenie(OpsgenieStandIn),
    PagerDuty(PagerDutyStandIn),
}

impl Company {
    /// The vendors for which the environment has keys; where it names none at all, stand-ins of all three.
    pub(crate) async fn gather(environment: &Environment) -> Result<Self, AccountError> {
        let named = |vendor: &Vendor| {
            let variables = [vendor.key_variable(), vendor.base_url_variable()];
            variables.into_iter().any(|variable| environment.get(variable).is_some())
        };
        let vendors: Vec<Vendor> = Vendor::ALL.into_iter().filter(named).collect();
        if vendors.is_empty() {
            return Ok(Self { players: Player::doubles().await, kind: Kind::StandIns });
        }
        let real = |vendor| {
            let account = Account::with_shared_key(vendor, environment)?;
            Ok(Player { account, place: Place::from_environment(vendor, environment)?, double: None })
        };
        let players: Result<Vec<_>, AccountError> = vendors.into_iter().map(real).collect();
        Ok(Self { players: players?, kind: Kind::Vendors })
    }

    /// The vendors that take no part.
    pub(crate) fn absent(&self) -> Vec<Vendor> {
        let present = |vendor: &Vendor| self.players.iter().any(|player| player.account.vendor() == *vendor);
        Vendor::ALL.into_iter().filter(|vendor| !present(vendor)).collect()
    }
}

impl Player {
    async fn doubles() -> Vec<Self> {
        let statuspage = StatuspageStandIn::start().await;
        let opsgenie = OpsgenieStandIn::start().await;
        let pagerduty = PagerDutyStandIn::start().await;
        let account = |vendor, key: String| Account::new(vendor, Secret::new(key));
        let of_pagerduty = account(Vendor::PagerDuty, pagerduty.good_key()).with_actor_email(pagerduty.actor_email());
        vec![
            Self::double(account(Vendor::Statuspage, statuspage.good_key()), Double::Statuspage(statuspage)),
            Self::double(account(Vendor::Opsgenie, opsgenie.good_key()), Double::Opsgenie(opsgenie)),
            Self::double(of_pagerduty, Double::PagerDuty(pagerduty)),
        ]
    }

    fn double(account: Account, double: Double) -> Self {
        let base_url = match &double {
            Double::Statuspage(stand_in) => stand_in.base_url(),
            Double::Opsgenie(stand_in) => stand_in.base_url(),
            Double::PagerDuty(stand_in) => stand_in.base_url(),
        };
        Self { account, place: Place::default().with_base_url(base_url), double: Some(double) }
    }

    /// How many requests arrived; nothing is known of that where the vendor plays itself.
    pub(crate) fn requests(&self) -> Option<usize> {
        self.double.as_ref().map(|double| match double {
            Double::Statuspage(stand_in) => stand_in.count(),
            Double::Opsgenie(stand_in) => stand_in.count(),
            Double::PagerDuty(stand_in) => stand_in.count(),
        })
    }

    /// In what our requests broke the vendor's rules, as far as a stand-in noticed.
    pub(crate) fn violations(&self) -> Vec<String> {
        match &self.double {
            None => Vec::new(),
            Some(Double::Statuspage(stand_in)) => stand_in.violations(),
            Some(Double::Opsgenie(stand_in)) => stand_in.violations(),
            Some(Double::PagerDuty(stand_in)) => stand_in.violations(),
        }
    }
}

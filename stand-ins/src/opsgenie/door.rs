//! Who may come in, and what their key allows.

use super::Opsgenie;
use super::errors::{error, forbidden};
use crate::answer::Answer;
use crate::call::Call;

/// Whose key a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// From the key management of the account: everything but the four alert actions.
    Account,
    /// From an API integration without access to the configuration.
    Integration,
    /// From an API integration that is limited to reads.
    ReadOnly,
}

/// What an operation asks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    ReadAlerts,
    WriteAlerts,
    /// Create, acknowledge, close and add a note: refused to account keys.
    ActOnAlerts,
    ReadConfiguration,
    WriteConfiguration,
}

impl Opsgenie {
    /// The door: one header `Authorization: GenieKey <key>`, nothing like a key in the address.
    pub(super) fn admit(&self, call: &mut Call<'_>) -> Result<KeyKind, Answer> {
        let refused = || error(401, "Could not authenticate");
        let value = call.authorization().ok_or_else(refused)?;
        let Some(key) = value.strip_prefix("GenieKey ") else {
            call.violate("the authorization scheme is not `GenieKey`");
            return Err(refused());
        };
        if call.seen().query_pairs().iter().any(|(name, _)| name.eq_ignore_ascii_case("apikey") || name == "api_key") {
            return Err(refused());
        }
        let kinds = [
            (&self.keys.account, KeyKind::Account),
            (&self.keys.integration, KeyKind::Integration),
            (&self.keys.read_only, KeyKind::ReadOnly),
        ];
        kinds.into_iter().find(|(known, _)| *known == key).map(|(_, kind)| kind).ok_or_else(refused)
    }
}

impl KeyKind {
    pub(super) fn may(self, right: Right) -> Result<(), Answer> {
        match (self, right) {
            (Self::Account, Right::ActOnAlerts) => {
                Err(forbidden("To perform this action, use an API key from an API integration."))
            }
            (Self::Integration, Right::ReadConfiguration | Right::WriteConfiguration) => {
                Err(forbidden("API Key is not granted with configuration access."))
            }
            (Self::ReadOnly, Right::ActOnAlerts | Right::WriteAlerts | Right::WriteConfiguration) => {
                Err(forbidden("API Key is limited to reading."))
            }
            _ => Ok(()),
        }
    }
}

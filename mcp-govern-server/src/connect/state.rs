//! The state that a client carries from a call that needs an account to the call's repetition.

use std::time::Duration;

use mcp_govern_core::{CredentialOwner, Digest, Governor, Principal, ServerId};
use rmcp::model::InputResponses;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Connector, pending::Use};
use crate::seal::{Purpose, random_text};

/// The name of our question among the questions of a result that asks for input.
pub(crate) const QUESTION: &str = "connect";

#[derive(Debug, Serialize, Deserialize)]
struct RequestState {
    server: ServerId,
    /// The version of the person's credential when the question was asked; 0 for none.
    version: u64,
    nonce: String,
}

/// What has become of a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The person went to the page; the account may be connected by now.
    Went(ServerId),
    /// The person did not want to.
    Declined(ServerId),
    /// The state is not one that was made for this call of this caller, or its time has passed.
    Invalid,
    /// It was used before.
    Used,
    /// Whether it was used before cannot be found out now.
    Unavailable,
}

impl Connector {
    /// A state for a call: good once, for this caller, this tool and these arguments.
    pub(crate) fn request_state(
        &self,
        governor: &Governor,
        principal: &Principal,
        server: &ServerId,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Option<String> {
        let state = RequestState {
            server: server.clone(),
            version: version(governor, principal, server),
            nonce: random_text().ok()?,
        };
        let digest = digest(arguments);
        self.sealer.seal(Purpose::RequestState, &parts(principal, tool, &digest), self.config.ttl, &state)
    }

    /// Takes a state back and uses it up. Where the person went to the page, waits a while for the account.
    pub(crate) async fn answered(
        &self,
        governor: &Governor,
        principal: &Principal,
        tool: &str,
        arguments: &Map<String, Value>,
        sealed: &str,
        responses: Option<&InputResponses>,
    ) -> Answered {
        let digest = digest(arguments);
        let state: Option<RequestState> =
            self.sealer.open(Purpose::RequestState, &parts(principal, tool, &digest), sealed);
        let Some(state) = state else { return Answered::Invalid };
        // INVARIANT: spent before anything is done with it (`a_request_state_is_good_once_for_its_own_call`).
        match self.spent.spend("state", &state.nonce).await {
            Ok(Use::First) => {}
            Ok(Use::Again) => return Answered::Used,
            Err(error) => {
                tracing::warn!(%error, "whether a request state was used cannot be found out");
                return Answered::Unavailable;
            }
        }
        let response = responses.and_then(|responses| responses.get(QUESTION));
        let action = response.and_then(|response| response.get("action")).and_then(Value::as_str);
        if let Some("decline" | "cancel") = action {
            return Answered::Declined(state.server);
        }
        self.wait(governor, principal, &state).await;
        Answered::Went(state.server)
    }

    /// Waits until the person has connected the account, or for as long as is configured.
    async fn wait(&self, governor: &Governor, principal: &Principal, state: &RequestState) {
        let connected = async {
            loop {
                let next = governor.revision().next();
                if version(governor, principal, &state.server) > state.version || governor.reached(next).await.is_err()
                {
                    return;
                }
            }
        };
        // Whether it was connected shows in the call that follows.
        let _ = tokio::time::timeout(self.config.wait.min(Duration::from_secs(300)), connected).await;
    }
}

fn version(governor: &Governor, principal: &Principal, server: &ServerId) -> u64 {
    let owner = CredentialOwner::User(principal.user.clone());
    governor.credential_version(server, &owner).unwrap_or(0)
}

fn parts<'a>(principal: &'a Principal, tool: &'a str, digest: &'a str) -> [&'a str; 6] {
    let (user, client) = (&principal.user, &principal.client);
    [user.issuer.as_str(), user.subject.as_str(), client.issuer.as_str(), client.name.as_str(), tool, digest]
}

/// A digest of the arguments: over their canonical form, or as written where they have none.
fn digest(arguments: &Map<String, Value>) -> String {
    let digest = Digest::of_json(arguments)
        .unwrap_or_else(|_| Digest::of_bytes(Value::Object(arguments.clone()).to_string().as_bytes()));
    digest.to_string()
}

//! What is known of AI clients.

use super::{Case, Events, known, validate};
use crate::{
    journal::{
        Event, Refusal,
        event::{ClientClosed, ClientReopened, ClientSet},
    },
    vocabulary::{ClientId, ClientType, Label, UserId},
};

impl Case<'_> {
    pub(super) fn set_client(
        &self,
        id: &ClientId,
        label: &Label,
        client_type: Option<ClientType>,
        owner: Option<&UserId>,
    ) -> Events {
        validate::label("the client", label)?;
        if client_type == Some(ClientType::Ephemeral) {
            return Err(Refusal::invalid(format!(
                "client `{id}` would be ephemeral: such clients are not written down; let a rule on its issuer say so"
            )));
        }
        let counts = client_type.or_else(|| self.state.settings.client_type(id));
        if owner.is_some() && counts != Some(ClientType::Personal) {
            return Err(Refusal::invalid(format!(
                "client `{id}` is not personal, so it belongs to nobody: leave the owner out, or make it personal"
            )));
        }
        let same = self.state.clients.get(id).is_some_and(|client| {
            client.label == *label && client.client_type == client_type && client.owner.as_ref() == owner
        });
        if same {
            return Ok(Vec::new());
        }
        Ok(vec![ClientSet { client: id.clone(), label: label.clone(), client_type, owner: owner.cloned() }.into()])
    }

    /// The client need not be known: a rule of the tenant may have let it in.
    pub(super) fn close_client(&self, id: &ClientId) -> Vec<Event> {
        if self.state.clients.get(id).is_some_and(|client| client.closed) {
            Vec::new()
        } else {
            vec![ClientClosed { client: id.clone() }.into()]
        }
    }

    pub(super) fn reopen_client(&self, id: &ClientId) -> Events {
        let client = known(self.state.clients.get(id), "client", id)?;
        Ok(if client.closed { vec![ClientReopened { client: id.clone() }.into()] } else { Vec::new() })
    }
}

//! The door of the manage API, and the way to each operation.

use super::Statuspage;
use super::replies::{error, no_such_operation};
use crate::answer::Answer;
use crate::call::Call;
use crate::stand_in::Vendor;

impl Statuspage {
    /// The door: one header `Authorization: OAuth <key>`, no key in the address, room in the window.
    pub(super) fn admit(&mut self, call: &mut Call<'_>) -> Result<(), Answer> {
        let refused = || error(401, "Could not authenticate");
        let value = call.authorization().ok_or_else(refused)?;
        let Some(key) = value.strip_prefix("OAuth ") else {
            call.violate("the authorization scheme is not `OAuth`");
            return Err(refused());
        };
        if call.seen().query_pairs().iter().any(|(name, _)| name == "api_key") || key != self.key {
            return Err(refused());
        }
        match self.rate.as_mut().map(|window| window.admit(call.now())) {
            Some(Err(wait)) => Err(self.throttled(Some(wait))),
            _ => Ok(()),
        }
    }

    pub(super) fn route(&mut self, call: &mut Call<'_>) -> Result<Answer, Answer> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["v1", "organizations", id, rest @ ..] => self.organization(call, id, rest),
            ["v1", "pages", page, area, rest @ ..] => match *area {
                "components" => self.components(call, page, rest),
                "component-groups" => self.component_groups(call, page, rest),
                "incidents" => self.incidents(call, page, rest),
                "incident_templates" => self.templates(call, page, rest),
                "subscribers" => self.subscribers(call, page, rest),
                "metrics" => self.metrics(call, page, rest),
                "metrics_providers" => self.metrics_providers(call, page, rest),
                "page_access_users" => self.access_users(call, page, rest),
                "page_access_groups" => self.access_groups(call, page, rest),
                _ => self.pages(call, parts.get(2..).unwrap_or_default()),
            },
            ["v1", "pages", rest @ ..] => self.pages(call, rest),
            _ => Err(no_such_operation(call)),
        }
    }
}

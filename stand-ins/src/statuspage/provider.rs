//! Where the metrics of a page take their data from.
//!
//! INVARIANT: a credential of a provider is checked and forgotten, so no answer can hold one
//! (`the_credentials_of_a_provider_never_come_back`).

use serde_json::{Map, Value, json};

use super::fields::{is_missing, text, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, plain, refuse};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;
use crate::moment::Moment;

#[derive(Clone)]
pub(super) struct MetricsProvider {
    pub(super) id: String,
    /// `Self` for values that are sent through this API.
    pub(super) kind: String,
    pub(super) address: Option<String>,
    pub(super) created: Moment,
    pub(super) updated: Moment,
}

impl Statuspage {
    pub(super) fn metrics_providers(
        &mut self,
        call: &mut Call<'_>,
        page: &str,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let all = page.providers.iter().map(|provider| provider.to_json(&page.id));
                Ok(Answer::json(200, all.collect()))
            }
            ("POST", []) => self.create_provider(call, page),
            ("GET", [id]) => {
                plain(call, &[])?;
                self.page(page)?.provider_answer(id, 200)
            }
            ("PATCH", [id]) => self.update_provider(call, page, id),
            ("DELETE", [id]) => {
                plain(call, &[])?;
                let page = self.page(page)?;
                let answer = page.provider_answer(id, 200)?;
                page.providers.retain(|provider| provider.id != *id);
                page.drop_metrics(|metric| metric.provider == *id);
                Ok(answer)
            }
            ("GET", [id, "metrics"]) => self.list_provider_metrics(call, page, id),
            ("POST", [id, "metrics"]) => self.create_metric(call, page, id),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_provider(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::NEW_PROVIDER)?;
        let fields = wrapped(&body, "metrics_provider");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        refuse(&needs(&fields))?;
        page.providers.push(MetricsProvider {
            id: id.clone(),
            kind: text(&fields, "type").unwrap_or_default().to_owned(),
            address: text(&fields, "metric_base_uri").map(str::to_owned),
            created: call.now(),
            updated: call.now(),
        });
        page.provider_answer(&id, 201)
    }

    fn update_provider(&mut self, call: &mut Call<'_>, page: &str, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::metrics::CHANGED_PROVIDER)?;
        let fields = wrapped(&body, "metrics_provider");
        let page = self.page(page)?;
        let provider = page.providers.iter_mut().find(|provider| provider.id == id).ok_or_else(not_found)?;
        if let Some(kind) = text(&fields, "type") {
            kind.clone_into(&mut provider.kind);
        }
        if let Some(address) = text(&fields, "metric_base_uri") {
            provider.address = Some(address.to_owned());
        }
        provider.updated = call.now();
        page.provider_answer(id, 200)
    }
}

impl Page {
    pub(super) fn provider(&self, id: &str) -> Result<&MetricsProvider, Answer> {
        self.providers.iter().find(|provider| provider.id == id).ok_or_else(not_found)
    }

    fn provider_answer(&self, id: &str, status: u16) -> Result<Answer, Answer> {
        Ok(Answer::json(status, self.provider(id)?.to_json(&self.id)))
    }
}

impl MetricsProvider {
    fn to_json(&self, page: &str) -> Value {
        json!({
            "id": self.id,
            "page_id": page,
            "type": self.kind,
            "disabled": false,
            "metric_base_uri": self.address,
            "last_revalidated_at": (self.kind != "Self").then(|| self.updated.to_string()),
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
        })
    }
}

/// Which credentials each type cannot do without.
fn needs(fields: &Map<String, Value>) -> Vec<String> {
    let needed: &[&str] = match text(fields, "type") {
        None => &["type"],
        Some("Datadog" | "NewRelic") => &["api_key", "metric_base_uri"],
        Some("Librato") => &["email", "api_token"],
        Some("Pingdom") => &["api_token"],
        Some(_) => &[],
    };
    needed.iter().filter(|name| is_missing(fields, name)).map(|name| format!("{name} can't be blank")).collect()
}

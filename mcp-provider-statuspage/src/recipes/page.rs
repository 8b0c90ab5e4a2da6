//! The components of a page, as the recipes read them.

use std::collections::BTreeMap;

use mcp_govern_core::ProviderError;
use mcp_govern_openapi::RowCaller;
use serde_json::{Map, Value, json};

use super::{invalid, text};

/// So many components are read; no page is known to have more.
const MOST: usize = 2_000;

/// The components of a page by their identifiers; groups are known as such.
#[derive(Debug)]
pub(super) struct Components {
    by_id: BTreeMap<String, Component>,
    pub(super) is_complete: bool,
}

#[derive(Debug)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) status: String,
    group: Option<String>,
    is_group: bool,
}

/// The stages of trouble, from none to the worst.
const WORSENING: [&str; 5] =
    ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];

impl Components {
    /// Reads them all.
    pub(super) async fn read(rows: &RowCaller<'_>, page: &Map<String, Value>) -> Result<Self, ProviderError> {
        let list = rows.list("list_components", page.clone(), MOST).await?;
        let by_id = list.items.iter().map(|item| (text(item, "id").to_owned(), Component::of(item)));
        Ok(Self { by_id: by_id.collect(), is_complete: list.is_complete })
    }

    pub(super) fn get(&self, id: &str) -> Option<&Component> {
        self.by_id.get(id)
    }

    /// Refuses what is not a component of the page, and groups, whose status follows their components.
    pub(super) fn demand<'i>(
        &self,
        recipe: &str,
        argument: &str,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> Result<(), ProviderError> {
        for id in ids {
            match self.by_id.get(id) {
                // Where not all could be read the vendor has the last word.
                None if !self.is_complete => {}
                None => {
                    let text =
                        format!("`{argument}` names `{id}`, which is not a component of the page: see list_components");
                    return Err(invalid(recipe, text));
                }
                Some(found) if found.is_group => {
                    let text =
                        format!("`{argument}` names `{id}`, a group: its status follows its components, name those");
                    return Err(invalid(recipe, text));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Those that are not operational, the worst first, groups left out.
    pub(super) fn troubled(&self) -> Vec<(&str, &Component)> {
        let troubled = self.by_id.iter().filter(|(_, component)| !component.is_group && component.severity() > 0);
        let mut troubled: Vec<_> = troubled.map(|(id, component)| (id.as_str(), component)).collect();
        troubled.sort_by_key(|(_, component)| std::cmp::Reverse(component.severity()));
        troubled
    }

    /// How many there are, groups left out.
    pub(super) fn count(&self) -> usize {
        self.by_id.values().filter(|component| !component.is_group).count()
    }

    pub(super) fn to_json(&self, id: &str, component: &Component) -> Value {
        let group = component.group.as_ref().and_then(|group| self.by_id.get(group)).map(|group| group.name.as_str());
        json!({"id": id, "name": component.name, "group": group, "status": component.status})
    }
}

impl Component {
    fn of(item: &Value) -> Self {
        Self {
            name: text(item, "name").to_owned(),
            status: text(item, "status").to_owned(),
            group: item.get("group_id").and_then(Value::as_str).map(str::to_owned),
            is_group: item.get("group").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    /// An unknown status counts as trouble.
    fn severity(&self) -> usize {
        WORSENING.iter().position(|status| *status == self.status).unwrap_or(WORSENING.len())
    }

    /// Whether customers are hit: planned work is not trouble.
    pub(super) fn is_down(&self) -> bool {
        self.severity() > 1
    }
}

//! What is done with each vendor: which tools, which arguments, which rule.

use std::cell::OnceCell;

use example_vendors::Vendor;
use mcp_govern_core::{ArgumentRule, Constraint};
use serde_json::{Map, Value, json};

/// What is done with a vendor. Only tools that read are ever called.
#[derive(Debug)]
pub(crate) struct Plot {
    vendor: Vendor,
    /// The page that the first call finds; only Statuspage needs one.
    page: OnceCell<String>,
}

/// A call that a person wants to make.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Map<String, Value>,
}

impl Ask {
    fn new(tool: &'static str, arguments: Value) -> Self {
        let arguments = if let Value::Object(map) = arguments { map } else { Map::new() };
        Self { tool, arguments }
    }
}

impl Plot {
    pub(crate) fn new(vendor: Vendor) -> Self {
        Self { vendor, page: OnceCell::new() }
    }

    /// The tools that the reviewer approves; the others keep waiting.
    pub(crate) fn approved(&self) -> &'static [&'static str] {
        match self.vendor {
            Vendor::Statuspage => &["list_pages", "get_page", "list_components", "list_unresolved_incidents"],
            Vendor::Opsgenie => &["list_alerts", "get_alert", "list_schedules"],
            Vendor::PagerDuty => &["list_incidents", "get_incident", "list_services"],
        }
    }

    /// The tool of the first call; it needs nothing that must be looked up first.
    pub(crate) fn first(&self) -> Ask {
        match self.vendor {
            Vendor::Statuspage => Ask::new("list_pages", json!({})),
            Vendor::Opsgenie => Ask::new("list_alerts", json!({"limit": 5})),
            Vendor::PagerDuty => {
                Ask::new("list_incidents", json!({"statuses": ["triggered", "acknowledged"], "limit": 5}))
            }
        }
    }

    /// Takes note of what later calls need from the first one's answer.
    pub(crate) fn learn(&self, answer: &Value) {
        if let Some(page) = answer.pointer("/items/0/id").and_then(Value::as_str) {
            // Only the first answer counts.
            let _ = self.page.set(page.to_owned());
        }
    }

    /// A tool without a review, with arguments that would do.
    pub(crate) fn unreviewed(&self) -> Ask {
        match self.vendor {
            Vendor::Statuspage => Ask::new("create_incident", json!({"page_id": self.page(), "name": "All is well"})),
            Vendor::Opsgenie => Ask::new("create_alert", json!({"message": "All is well"})),
            Vendor::PagerDuty => Ask::new("create_incident", json!({"title": "All is well", "service_id": "PSERVICE"})),
        }
    }

    /// A rule for a tool, what it says, and which tool it is.
    pub(crate) fn rule(&self) -> (&'static str, ArgumentRule, String) {
        let limit = |tool| {
            let rule = ArgumentRule::new("limit", Constraint::Max(20.into()));
            (tool, rule, "`limit` is at most 20".to_owned())
        };
        match self.vendor {
            Vendor::Statuspage => {
                let rule = ArgumentRule::new("page_id", Constraint::OneOf(vec![self.page().into()]));
                ("list_components", rule, format!("`page_id` is `{}`", self.page()))
            }
            Vendor::Opsgenie => limit("list_alerts"),
            Vendor::PagerDuty => {
                let open = vec!["triggered".into(), "acknowledged".into()];
                let rule = ArgumentRule::new("statuses", Constraint::Subset(open));
                ("list_incidents", rule, "`statuses` are `triggered` and `acknowledged`, never empty".to_owned())
            }
        }
    }

    /// A call within the rule; none where the account has nothing to call it with.
    pub(crate) fn within(&self) -> Option<Ask> {
        match self.vendor {
            Vendor::Statuspage => {
                let page = self.page.get()?;
                Some(Ask::new("list_components", json!({"page_id": page, "per_page": 5})))
            }
            Vendor::Opsgenie | Vendor::PagerDuty => Some(self.first()),
        }
    }

    /// A call outside the rule.
    pub(crate) fn outside(&self) -> Ask {
        match self.vendor {
            Vendor::Statuspage => Ask::new("list_components", json!({"page_id": "page-of-another-team"})),
            Vendor::Opsgenie => Ask::new("list_alerts", json!({"limit": 100})),
            Vendor::PagerDuty => Ask::new("list_incidents", json!({"statuses": ["resolved"], "limit": 5})),
        }
    }

    /// A call with an argument that is spelt wrong. The vendors pass over what they do not know, and answer unfiltered.
    pub(crate) fn misspelt(&self) -> Ask {
        match self.vendor {
            Vendor::Statuspage => Ask::new("list_components", json!({"page_id": self.page(), "perpage": 5})),
            Vendor::Opsgenie => Ask::new("list_alerts", json!({"limit": 5, "querry": "status: open"})),
            Vendor::PagerDuty => {
                Ask::new("list_incidents", json!({"statuses": ["triggered"], "servic_ids": ["PHLBOOK"]}))
            }
        }
    }

    fn page(&self) -> &str {
        self.page.get().map_or("no-page", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{Effect, ToolName};

    use super::*;

    #[test]
    fn whatever_is_called_only_reads() {
        for vendor in Vendor::ALL {
            let plot = Plot::new(vendor);
            let catalogue = vendor.provider().unwrap().catalogue().clone();
            let tool = |name: &str| catalogue.tool(&ToolName::new(name).unwrap()).unwrap().clone();
            for name in plot.approved() {
                assert_eq!(tool(name).effect, Effect::Read, "{vendor} {name}");
            }
            for ask in [plot.first(), plot.outside(), plot.misspelt()].into_iter().chain(plot.within()) {
                assert!(plot.approved().contains(&ask.tool), "{vendor} {}", ask.tool);
            }
            assert!(tool(plot.unreviewed().tool).effect > Effect::Read);
        }
    }

    #[test]
    fn a_statuspage_call_waits_for_a_page_to_call_it_with() {
        let plot = Plot::new(Vendor::Statuspage);
        plot.learn(&json!({"items": []}));
        assert!(plot.within().is_none());
        plot.learn(&json!({"items": [{"id": "p1"}, {"id": "p2"}]}));
        assert_eq!(plot.within().unwrap().arguments["page_id"], "p1");
    }
}

//! Incident templates: they can be listed and created, nothing else.

use serde_json::{Value, json};

use super::fields::{flag, ids, is_blank, text, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, paged, plain, refuse};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

#[derive(Clone)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) group: Option<String>,
    pub(super) status: Option<String>,
    pub(super) tweets: bool,
    pub(super) notifies: bool,
    pub(super) components: Vec<String>,
}

impl Statuspage {
    pub(super) fn templates(&mut self, call: &mut Call<'_>, page: &str, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                let pairs = plain(call, shapes::PAGED)?;
                let page = self.page(page)?;
                let all = page.templates.iter().map(|template| template.to_json(page));
                Ok(paged(all.collect(), &pairs))
            }
            ("POST", []) => self.create_template(call, page),
            _ => Err(no_such_operation(call)),
        }
    }

    fn create_template(&mut self, call: &mut Call<'_>, page: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::incidents::TEMPLATE)?;
        let fields = wrapped(&body, "template");
        let id = self.mint.lower(12);
        let page = self.page(page)?;
        let blank: Vec<String> = ["name", "title", "body"]
            .into_iter()
            .filter(|name| is_blank(&fields, name))
            .map(|name| format!("{name} can't be blank"))
            .collect();
        refuse(&blank)?;
        let components = ids(&fields, "component_ids").unwrap_or_default();
        page.demand_components(&components)?;
        let owned = |name: &str| text(&fields, name).map(str::to_owned);
        let template = Template {
            id,
            name: owned("name").unwrap_or_default(),
            title: owned("title").unwrap_or_default(),
            body: owned("body").unwrap_or_default(),
            group: owned("group_id"),
            status: owned("update_status"),
            // The boxes of the form are ticked unless somebody unticks them.
            tweets: flag(&fields, "should_tweet").unwrap_or(true),
            notifies: flag(&fields, "should_send_notifications").unwrap_or(true),
            components,
        };
        let answer = Answer::json(201, template.to_json(page));
        page.templates.push(template);
        Ok(answer)
    }
}

impl Template {
    fn to_json(&self, page: &Page) -> Value {
        let components = page.components_json_of(|component| self.components.contains(&component.id));
        json!({
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "body": self.body,
            "group_id": self.group,
            "update_status": self.status,
            "should_tweet": self.tweets,
            "should_send_notifications": self.notifies,
            "components": components,
        })
    }
}

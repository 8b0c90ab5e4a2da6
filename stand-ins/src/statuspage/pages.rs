//! The page operations, and the small window on other sites that is configured with them.

use serde_json::{Value, json};

use super::fields::{is_blank, wrapped};
use super::page::Page;
use super::replies::{json_body, no_such_operation, not_found, plain, unprocessable};
use super::{Statuspage, shapes};
use crate::answer::Answer;
use crate::call::Call;

impl Statuspage {
    pub(super) fn pages(&mut self, call: &mut Call<'_>, rest: &[&str]) -> Result<Answer, Answer> {
        match (call.seen().method(), rest) {
            ("GET", []) => {
                plain(call, &[])?;
                Ok(Answer::json(200, self.pages.iter().map(Page::to_json).collect()))
            }
            ("GET", [id]) => {
                plain(call, &[])?;
                Ok(Answer::json(200, self.page(id)?.to_json()))
            }
            ("PATCH", [id]) => self.update_page(call, id),
            ("GET", [id, "status_embed_config"]) => {
                plain(call, &[])?;
                Ok(self.page(id)?.embed_answer())
            }
            ("PATCH", [id, "status_embed_config"]) => self.update_embed(call, id),
            _ => Err(no_such_operation(call)),
        }
    }

    pub(super) fn page(&mut self, id: &str) -> Result<&mut Page, Answer> {
        self.pages.iter_mut().find(|page| page.id == id).ok_or_else(not_found)
    }

    fn update_page(&mut self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::pages::PAGE)?;
        let fields = wrapped(&body, "page");
        let page = self.page(id)?;
        for name in ["name", "subdomain"] {
            if is_blank(&fields, name) {
                return Err(unprocessable(format!("{name} can't be blank")));
            }
        }
        page.settings.extend(fields);
        page.updated = call.now();
        Ok(Answer::json(200, page.to_json()))
    }

    fn update_embed(&mut self, call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
        let body = json_body(call, &shapes::pages::EMBED)?;
        let page = self.page(id)?;
        page.embed.extend(wrapped(&body, "status_embed_config"));
        Ok(page.embed_answer())
    }
}

impl Page {
    fn embed_answer(&self) -> Answer {
        let mut members = self.embed.clone();
        members.insert("page_id".to_owned(), json!(self.id));
        Answer::json(200, Value::Object(members))
    }
}

//! What the vendor would refuse of arguments, found before anything is sent.

use serde_json::{Map, Value};

use crate::{
    plan::{Fields, Paging},
    text::{number, one_line},
};

impl Paging {
    /// Refuses what the vendor would refuse, before anything is sent.
    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let Self::Offset { offset, limit, window: Some(window), usual } = self else { return Ok(()) };
        let size = number(arguments, limit).or(*usual).unwrap_or(0);
        let reach = number(arguments, offset).unwrap_or(0).saturating_add(size);
        if reach > *window {
            return Err(format!(
                "`{offset}` and `{limit}` together reach {reach}; {window} is allowed: narrow the question instead"
            ));
        }
        Ok(())
    }
}

impl Fields {
    /// Refuses names that no item has, as far as the document says what items have.
    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        /// More names would only hide the one that is meant.
        const TOLD: usize = 30;
        let (Some(asked), Some(known)) = (self.asked(arguments), &self.known) else { return Ok(()) };
        let Some(unknown) = asked.into_iter().find(|name| !known.contains(*name)) else { return Ok(()) };
        let mut told: Vec<String> = known.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
        if known.len() > TOLD {
            told.push("…".to_owned());
        }
        // A name is a text of the caller's: it is shown without what a terminal would obey.
        let unknown = one_line(unknown, 60);
        Err(format!("`{}` names `{unknown}`, which no item has; known are {}", self.argument, told.join(", ")))
    }
}

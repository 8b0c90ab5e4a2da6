//! What a server is set up with that keeps a tool from ever working there.

use mcp_govern_core::ToolName;

use super::{OpenApiServer, Tool};
use crate::plan::Row;

impl OpenApiServer {
    /// A sentence: why no call of the tool can succeed with this server's configuration, and what to do.
    pub(super) fn obstacle_of(&self, name: &ToolName) -> Option<String> {
        let missing = match self.tool(name).ok()? {
            Tool::Row(row) => self.scopes_missing(row),
            Tool::Recipe(recipe) => {
                let rows = recipe.uses().iter().filter_map(|name| self.shared.document.row(name));
                let mut missing: Vec<&str> = rows.flat_map(|row| self.scopes_missing(row)).collect();
                missing.sort_unstable();
                missing.dedup();
                missing
            }
        };
        if missing.is_empty() {
            return None;
        }
        let key = self.shared.document.asked_scopes.as_ref().map(|scopes| scopes.config.as_str()).unwrap_or_default();
        Some(format!(
            "`{name}` needs the OAuth scope `{}`, which the server's app does not ask for: add it to `{key}` of the server and to \
             the app at the vendor, and let people connect again",
            missing.join("` and `")
        ))
    }

    fn scopes_missing<'r>(&self, row: &'r Row) -> Vec<&'r str> {
        let Some((scopes, asked)) = self.shared.document.asked_scopes.as_ref().zip(self.asked.as_ref()) else {
            return Vec::new();
        };
        scopes.missing(asked, &row.definition.scopes)
    }
}

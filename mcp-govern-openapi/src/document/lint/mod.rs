//! What a document of our own must also have, beyond what makes it usable: of its rows and recipes, and of the form of its files.

mod form;
mod rows;
mod texts;

use mcp_govern_core::{Catalogue, ToolDefinition};

pub use self::form::{lint_directory, lint_documents};
use crate::plan::Document;

/// Everything that a careful author would still change, as sentences that name the operation or the tool. Empty for a complete
/// document. `silent` are the recipes that change something and do not say who is notified.
pub(crate) fn lint(document: &Document, catalogue: &Catalogue, silent: &[&ToolDefinition]) -> Vec<String> {
    let mut remarks = Vec::new();
    rows::lint(document, &mut remarks);
    for recipe in silent {
        remarks.push(format!("recipe `{}`: {}", recipe.name, rows::SILENT));
    }
    texts::lint(document, catalogue, &mut remarks);
    remarks
}

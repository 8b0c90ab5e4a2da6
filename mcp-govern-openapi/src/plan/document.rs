//! A compiled document.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use mcp_govern_core::{Catalogue, CatalogueVersion, EditionId, ProviderInfo, ToolDefinition, ToolName};

use super::{AskedScopes, LookupPlan, Policy, ProbePlan, RecipeSpec, Row, Schemes, Scopes, Servers};
use crate::error::Fault;

/// A compiled document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) info: ProviderInfo,
    pub(crate) version: CatalogueVersion,
    pub(crate) servers: Servers,
    /// What a server row may call its only region.
    pub(crate) only_region: Option<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) index: HashMap<ToolName, usize>,
    /// What the operations are called, by their `operationId` in snake case: other editions refer to them by it.
    pub(crate) ids: HashMap<String, ToolName>,
    /// The edition that the document is of, where it says so.
    pub(crate) edition: Option<EditionName>,
    /// Tools of the provider's first edition that the document does not have, each with the reason.
    pub(crate) absent: BTreeMap<ToolName, String>,
    pub(crate) schemes: Schemes,
    pub(crate) policy: Policy,
    pub(crate) scopes: Scopes,
    pub(crate) probes: Vec<ProbePlan>,
    /// Values that rows look up, each with the ways to them in the order in which they are tried.
    pub(crate) lookups: BTreeMap<String, Vec<LookupPlan>>,
    /// Where servers say which OAuth scopes their app asks for.
    pub(crate) asked_scopes: Option<AskedScopes>,
    /// The specifications of recipes that stand in it.
    pub(crate) recipes: Vec<RecipeSpec>,
    /// Whether others write and change it.
    pub(crate) is_foreign: bool,
    /// What cannot be honoured of a document that others write.
    pub(crate) left_out: Vec<Fault>,
}

/// What an edition is called.
#[derive(Debug, Clone)]
pub(crate) struct EditionName {
    pub(crate) id: EditionId,
    pub(crate) title: Option<String>,
}

impl Document {
    /// The row of that name.
    pub(crate) fn row(&self, name: &ToolName) -> Option<&Row> {
        self.rows.get(*self.index.get(name)?)
    }

    /// Takes the declared forms of results out of all definitions.
    pub(crate) fn forget_result_forms(&mut self) {
        for row in &mut self.rows {
            Arc::make_mut(&mut row.definition).output_schema = None;
        }
    }

    /// Notes where each row is. To be called whenever the rows have changed.
    pub(crate) fn index_rows(&mut self) {
        self.index = self.rows.iter().enumerate().map(|(at, row)| (row.name.clone(), at)).collect();
    }

    /// The tools of the rows, without helpers, and of whatever else the provider adds.
    pub(crate) fn catalogue(&self, more: impl IntoIterator<Item = Arc<ToolDefinition>>) -> Result<Catalogue, ToolName> {
        let own = self.rows.iter().filter(|row| !row.hidden).map(|row| row.definition.clone());
        Catalogue::new(self.version, own.chain(more).collect())
    }
}

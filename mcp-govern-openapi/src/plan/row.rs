//! A row: one operation of the document, checked and ready to be sent.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use mcp_govern_core::{AuthMethodId, Effect, Risk, ToolDefinition, ToolName};
use serde_json::{Map, Value};

use super::{
    BodyPlan, Check, EndsNow, Fields, HeaderParam, Instead, Keep, Keys, ListPlan, PathTemplate, PollPlan, QueryParam,
    Scheme, SecretPath,
};
use crate::pointer::Pointer;

/// One operation, compiled.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: ToolName,
    /// Method, path, name and file, for messages to the document's author.
    pub(crate) place: String,
    pub(crate) definition: Arc<ToolDefinition>,
    /// A helper that is no tool of its own.
    pub(crate) hidden: bool,
    pub(crate) method: Method,
    pub(crate) path: PathTemplate,
    pub(crate) query: Vec<QueryParam>,
    /// Always sent, percent-encoded: `a=1&b=2`.
    pub(crate) fixed_query: String,
    pub(crate) headers: Vec<HeaderParam>,
    pub(crate) fixed_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) config_headers: Vec<ConfigHeader>,
    pub(crate) body: Option<BodyPlan>,
    pub(crate) required: Vec<String>,
    pub(crate) checks: Vec<Check>,
    pub(crate) instead: Vec<Instead>,
    pub(crate) ends_now: Vec<EndsNow>,
    /// Alternatives, in the order in which they are tried; each lists the indexes of the schemes that it needs. None at all where
    /// the row needs no credential.
    pub(crate) security: Vec<Vec<usize>>,
    pub(crate) repeat: Repeat,
    /// Whether a write may be sent again after a throttle status; as the status says when absent.
    pub(crate) throttled: Option<bool>,
    pub(crate) rate_domain: Arc<str>,
    pub(crate) accepts: Accepts,
    pub(crate) output: OutputPlan,
    pub(crate) poll: Option<PollPlan>,
    /// The role of the origin that it goes to; the server's base URL when absent.
    pub(crate) origin: Option<String>,
    pub(crate) keep: Vec<Keep>,
    pub(crate) keys: Keys,
    pub(crate) stated: Stated,
}

/// A header that comes from the server's configuration.
#[derive(Debug)]
pub(crate) struct ConfigHeader {
    pub(crate) name: HeaderName,
    /// The name with the capitals of the document.
    pub(crate) stated: String,
    pub(crate) key: String,
    /// Only for this auth method.
    pub(crate) when: Option<AuthMethodId>,
    pub(crate) required: bool,
}

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repeat {
    Always,
    Never,
    /// Only when this argument is given.
    With(String),
}

impl Repeat {
    pub(crate) fn allows(&self, arguments: &Map<String, Value>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::With(argument) => arguments.get(argument).is_some_and(|value| !value.is_null()),
        }
    }
}

/// What the body of a good answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    Json,
    /// The document says nothing of a body. JSON is asked for; whatever comes of a change is a success.
    Anything,
    Text,
    Bytes,
}

/// What becomes of the body of a good answer.
#[derive(Debug, Default)]
pub(crate) struct OutputPlan {
    pub(crate) shape: Shape,
    pub(crate) drop: Vec<String>,
    pub(crate) secrets: Vec<SecretPath>,
    /// The argument that chooses members of a list's items.
    pub(crate) fields: Option<Fields>,
}

#[derive(Debug, Default)]
pub(crate) enum Shape {
    /// The body itself.
    #[default]
    Whole,
    /// What stands at the pointer.
    Root(Pointer),
    /// A list with its paging.
    List(ListPlan),
}

/// What the document stated of itself, for the lint and for recipes.
#[derive(Debug, Clone)]
pub(crate) struct Stated {
    pub(crate) effect: Option<Effect>,
    pub(crate) risk: Option<Risk>,
    pub(crate) description: bool,
    /// Whether it says who is notified, or that nobody is.
    pub(crate) notifies: bool,
}

impl Row {
    /// What is looked up before the request is made, by name.
    pub(crate) fn looked_up(&self) -> &[String] {
        self.body.as_ref().map(|body| body.looked_up.as_slice()).unwrap_or_default()
    }

    /// Whether anything is.
    pub(crate) fn looks_up(&self) -> bool {
        !self.looked_up().is_empty()
    }

    /// Whether it has an argument of that name.
    pub(crate) fn takes(&self, argument: &str) -> bool {
        self.definition.arguments().any(|name| name == argument)
    }

    /// The argument that says how many items a page of the row's list has, and the most that the vendor allows.
    pub(crate) fn largest_page(&self) -> Option<(&str, Value)> {
        let Shape::List(plan) = &self.output.shape else { return None };
        let size = plan.page.size()?;
        let largest = self.definition.input_schema.get("properties")?.get(size)?.get("maximum")?;
        Some((size, largest.clone()))
    }

    /// Whether the row's first alternative for an auth method exists, or none is needed.
    pub(crate) fn is_open_to(&self, schemes: &[Scheme], method: &AuthMethodId) -> bool {
        self.security.is_empty()
            || self.security.iter().any(|needed| {
                needed.iter().all(|index| schemes.get(*index).is_some_and(|scheme| scheme.method == *method))
            })
    }
}

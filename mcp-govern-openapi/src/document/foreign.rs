//! Documents of others: which of their operations are meant, and under which names.

use std::collections::BTreeMap;

use mcp_govern_core::blueprint::fits;

use super::names::to_snake;

/// How a document is read that others write and change.
///
/// An operation that cannot be honoured is left out ([`OpenApiProvider::left_out`](crate::OpenApiProvider::left_out)) instead of
/// refusing the document, a name that is too long is shortened, and where the document says to which host requests go, that is part
/// of what is reviewed of each tool.
///
/// An entry names an operation by its `operationId`, by the tool's name, or as `GET /path`; `*` stands for any text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignDocument {
    /// The operations that are meant; all where this is empty.
    pub operations: Vec<String>,
    /// Operations that are not meant, also where `operations` names them.
    pub ignore: Vec<String>,
    /// Names of tools, by operation (without `*`).
    pub names: BTreeMap<String, String>,
}

impl ForeignDocument {
    /// All operations, under the names that the document gives them.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these operations alone.
    #[must_use]
    pub fn with_operations(mut self, operations: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.operations = operations.into_iter().map(Into::into).collect();
        self
    }

    /// Without these operations.
    #[must_use]
    pub fn with_ignore(mut self, operations: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignore = operations.into_iter().map(Into::into).collect();
        self
    }

    /// With this name for the tool of an operation.
    #[must_use]
    pub fn with_name(mut self, operation: impl Into<String>, name: impl Into<String>) -> Self {
        self.names.insert(operation.into(), name.into());
        self
    }

    /// Whether an operation is meant.
    pub(crate) fn means(&self, operation: &Label) -> bool {
        let any = |entries: &[String]| entries.iter().any(|entry| operation.is_named_by(entry));
        (self.operations.is_empty() || any(&self.operations)) && !any(&self.ignore)
    }

    /// The name that is given to an operation's tool.
    pub(crate) fn name(&self, operation: &Label) -> Option<&str> {
        self.names.iter().find(|(entry, _)| operation.is(entry)).map(|(_, name)| name.as_str())
    }

    /// Entries that name none of the operations, with where they stand.
    pub(crate) fn idle<'a>(&'a self, operations: &'a [Label]) -> impl Iterator<Item = (&'static str, &'a str)> {
        let lists = [("operations", &self.operations), ("ignore", &self.ignore)];
        let listed = lists.into_iter().flat_map(|(place, entries)| entries.iter().map(move |entry| (place, entry)));
        let named = self.names.keys().map(|entry| ("names", entry));
        let idle = |entry: &str| !operations.iter().any(|operation| operation.is_named_by(entry));
        listed.chain(named).filter(move |(_, entry)| idle(entry)).map(|(place, entry)| (place, entry.as_str()))
    }
}

/// What an operation is called by.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    /// The `operationId`, and the same in snake case.
    id: Option<(String, String)>,
    /// `GET /path`.
    at: String,
}

impl Label {
    pub(crate) fn new(method: &str, path: &str, id: Option<&str>) -> Self {
        let id = id.map(|id| (id.to_owned(), to_snake(id)));
        Self { id, at: format!("{} {path}", method.to_uppercase()) }
    }

    fn is(&self, entry: &str) -> bool {
        self.texts().any(|text| text == entry)
    }

    fn is_named_by(&self, entry: &str) -> bool {
        self.texts().any(|text| fits(entry, text))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let ids = self.id.iter().flat_map(|(id, snake)| [id.as_str(), snake.as_str()]);
        ids.chain([self.at.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_its_id_its_tool_or_its_place() {
        let operation = Label::new("get", "/users/{id}", Some("getUser"));
        for entry in ["getUser", "get_user", "GET /users/{id}", "GET *", "get*", "* /users/*", "*"] {
            assert!(operation.is_named_by(entry), "{entry}");
        }
        for entry in ["", "user", "getuser", "get /users/{id}", "GET /users", "POST *"] {
            assert!(!operation.is_named_by(entry), "{entry}");
        }
        assert!(Label::new("get", "/a", None).is_named_by("GET /a"));
    }

    #[test]
    fn what_is_not_meant_is_so_also_where_it_is_listed() {
        let choice = ForeignDocument::new().with_operations(["GET *", "create*"]).with_ignore(["*_admin"]);
        let means = |method, id| choice.means(&Label::new(method, "/a", Some(id)));
        assert!(means("get", "list_a") && means("post", "createA"));
        assert!(!means("post", "change_a") && !means("get", "list_admin") && !means("post", "create_admin"));
        let labels = [Label::new("get", "/a", Some("list_a"))];
        let idle: Vec<_> = choice.idle(&labels).collect();
        assert_eq!(idle, [("operations", "create*"), ("ignore", "*_admin")]);
    }
}

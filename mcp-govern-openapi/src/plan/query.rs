//! Parameters of the query and of the header.

use http::HeaderName;

/// A query parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryParam {
    pub(crate) name: String,
    pub(crate) argument: String,
    pub(crate) style: QueryStyle,
}

/// How lists and objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryStyle {
    /// `a=1&a=2` (form, exploded).
    Repeat,
    /// `a=1,2` (form), `a=1%202` (space), `a=1|2` (pipe): one parameter, the elements separated by this character.
    Separated(char),
    /// `a[x]=1&a[y]=2` (deep object).
    Deep,
}

/// A header parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeaderParam {
    pub(crate) name: HeaderName,
    pub(crate) argument: String,
}

//! What the app of a server asks its users for, and which tools that is too little for.

use std::collections::BTreeMap;

/// Where a server says which OAuth scopes its app asks for, and what a wide scope covers.
#[derive(Debug)]
pub(crate) struct AskedScopes {
    /// The configuration that lists them.
    pub(crate) config: String,
    /// By wide scope: the scopes that it holds, `*` for any text.
    pub(crate) covers: BTreeMap<String, Vec<String>>,
}

impl AskedScopes {
    /// What is needed and none of those that are asked for covers.
    pub(crate) fn missing<'n>(&self, asked: &[String], needed: &'n [String]) -> Vec<&'n str> {
        let covered = |needed: &str| {
            asked.iter().any(|scope| {
                let held = self.covers.get(scope).into_iter().flatten();
                scope == needed || held.into_iter().any(|pattern| fits(pattern, needed))
            })
        };
        needed.iter().map(String::as_str).filter(|needed| !covered(needed)).collect()
    }
}

/// Whether a scope is one that the pattern means: at most one `*`, anywhere.
fn fits(pattern: &str, scope: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == scope,
        Some((begin, end)) => {
            scope.len() >= begin.len() + end.len() && scope.starts_with(begin) && scope.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::OAuthFlows;

    use super::*;

    #[test]
    fn a_scope_covers_itself_and_a_wide_one_what_the_document_says() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let covers = [("read", texts(&["*.read"])), ("write", texts(&["*"]))];
        let covers = covers.into_iter().map(|(scope, held)| (scope.to_owned(), held)).collect();
        let scopes = AskedScopes { config: "oauth_scopes".to_owned(), covers };
        let needed = texts(&["incidents.read", "incidents.write"]);
        let missing = |asked: &str| scopes.missing(&OAuthFlows::scopes_of(asked), &needed);
        assert_eq!(missing("incidents.read, teams.read"), ["incidents.write"]);
        assert_eq!(missing("read"), ["incidents.write"]);
        assert_eq!(missing(""), ["incidents.read", "incidents.write"]);
        assert!(missing("write").is_empty() && missing("incidents.read\nincidents.write").is_empty());
        assert!(!fits("a.*.a", "a.a") && fits("a.*.a", "a.b.a"));
    }
}

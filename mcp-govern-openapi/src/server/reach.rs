//! How far a server reaches: the values and hosts that its configuration limits it to.

use std::{borrow::Cow, collections::BTreeMap};

use mcp_govern_core::{ArgumentRule, CallRules, Constraint};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    base_url::check_base,
    decode::{Filter, KeptText},
    plan::{Keep, Others, Row, Scopes},
};

/// What a server is limited to. Nothing, where its configuration says nothing.
///
/// The governor enforces it as rules on arguments; it is held here too, because recipes call rows by themselves.
///
/// INVARIANT: a request whose argument lies outside is not sent, for any caller, a recipe included
/// (`a_limited_server_sends_nothing_beyond_its_limit`).
#[derive(Debug, Default)]
pub(crate) struct Reach {
    limits: Vec<Limit>,
    /// The hosts of each origin beside the API's own, by role.
    hosts: BTreeMap<String, Hosts>,
}

#[derive(Debug)]
struct Hosts {
    /// The argument that chooses one.
    argument: String,
    list: Vec<Host>,
}

#[derive(Debug)]
struct Limit {
    argument: String,
    allowed: Vec<String>,
    others: Others,
}

#[derive(Debug)]
struct Host {
    /// As the configuration writes it, and the argument.
    name: String,
    /// Without a slash at its end.
    base: String,
}

impl Reach {
    /// Reads a server's configuration.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the configuration is named.
    pub(crate) fn read(scopes: &Scopes, config: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut reach = Self::default();
        for rule in &scopes.rules {
            if let Some(text) = config.get(&rule.config) {
                let allowed = entries(text).and_then(|ids| ids.into_iter().map(id).collect());
                let allowed = allowed.map_err(|fault| format!("`{}` {fault}", rule.config))?;
                reach.limits.push(Limit { argument: rule.argument.clone(), allowed, others: rule.others });
            }
        }
        for origin in &scopes.origins {
            if let Some(text) = config.get(&origin.config) {
                let hosts = entries(text).and_then(|names| names.into_iter().map(host).collect());
                let hosts: Vec<Host> = hosts.map_err(|fault| format!("`{}` {fault}", origin.config))?;
                let allowed = hosts.iter().map(|host| host.name.clone()).collect();
                let (argument, others) = (origin.argument.clone(), Others::Open);
                reach.hosts.insert(origin.role.clone(), Hosts { argument: argument.clone(), list: hosts });
                reach.limits.push(Limit { argument, allowed, others });
            }
        }
        Ok(reach)
    }

    /// Whether the server has the row's tool.
    pub(crate) fn offers(&self, row: &Row) -> bool {
        if let Some(role) = &row.origin {
            return self.hosts.contains_key(role);
        }
        let kept = |limit: &Limit| row.keep.iter().any(|keep| keep.argument == limit.argument);
        self.limits.iter().all(|limit| limit.others == Others::Open || row.takes(&limit.argument) || kept(limit))
    }

    /// The limits as rules, for the governor to enforce and to show.
    pub(crate) fn rules(&self) -> Vec<ArgumentRule> {
        let rule = |limit: &Limit| {
            let values: Vec<Value> = limit.allowed.iter().map(|value| Value::from(value.as_str())).collect();
            let constraint = match values.as_slice() {
                [only] => Constraint::Fixed(only.clone()),
                _ => Constraint::OneOf(values),
            };
            ArgumentRule::new(limit.argument.clone(), constraint).with_absent_allowed()
        };
        self.limits.iter().map(rule).collect()
    }

    /// Fills in what is limited to one value.
    pub(crate) fn fill(&self, row: &Row, arguments: &mut Cow<'_, Map<String, Value>>) {
        for limit in &self.limits {
            if let [only] = limit.allowed.as_slice()
                && !arguments.contains_key(&limit.argument)
                && row.takes(&limit.argument)
            {
                arguments.to_mut().insert(limit.argument.clone(), Value::from(only.as_str()));
            }
        }
    }

    /// Refuses what lies outside.
    pub(crate) fn hold(&self, row: &Row, arguments: &Map<String, Value>) -> Result<(), String> {
        if !self.offers(row) {
            return Err("the server's configuration does not reach so far".to_owned());
        }
        for limit in self.limits.iter().filter(|limit| row.takes(&limit.argument)) {
            let given = arguments.get(&limit.argument).and_then(Value::as_str);
            if !given.is_some_and(|given| limit.allowed.iter().any(|allowed| allowed == given)) {
                let allowed: Vec<String> = limit.allowed.iter().map(|value| format!("`{value}`")).collect();
                let argument = &limit.argument;
                return Err(format!("`{argument}` must be {}: the server is limited to it", allowed.join(" or ")));
            }
        }
        Ok(())
    }

    /// The base URL of a row that goes elsewhere than to the API.
    pub(crate) fn base(&self, role: &str, arguments: &Map<String, Value>) -> Option<&str> {
        let hosts = self.hosts.get(role)?;
        let asked = arguments.get(&hosts.argument).and_then(Value::as_str)?;
        hosts.list.iter().find(|host| host.name == asked).map(|host| host.base.as_str())
    }

    /// Leaves out of an answer what lies outside, or is not allowed by the rules of the caller. `None` when there is nothing that
    /// could be left out.
    pub(crate) fn keep(&self, row: &Row, rules: &CallRules, text: &str) -> Result<Option<KeptText>, String> {
        let mut tree: Option<Value> = None;
        let mut is_narrowed = false;
        for keep in &row.keep {
            let limit = self.limit(&keep.argument);
            let rules: Vec<&ArgumentRule> = rules.on(&keep.argument).collect();
            if limit.is_none() && rules.is_empty() {
                continue;
            }
            let is_allowed = |id: &str| {
                limit.is_none_or(|limit| limit.allowed.iter().any(|allowed| allowed == id))
                    && rules.iter().all(|rule| rule.constraint.allows(&Value::from(id)))
            };
            let mut read = match tree.take() {
                Some(read) => read,
                None => serde_json::from_str(text).map_err(|_| "sent JSON that cannot be read".to_owned())?,
            };
            match keep.apply(&mut read, is_allowed) {
                Some(left_out) => is_narrowed |= left_out > 0,
                // What cannot be found cannot be left out: nothing is shown then.
                None => return Err(format!("sent an answer in which `{}` cannot be found", keep.argument)),
            }
            tree = Some(read);
        }
        Ok(tree.map(|tree| KeptText { text: tree.to_string(), is_narrowed }))
    }

    /// The values to which the server is limited and that an answer does not hold.
    pub(crate) fn missing<'a>(&'a self, row: &'a Row, text: &str) -> Vec<(&'a str, &'a str)> {
        let Ok(tree) = serde_json::from_str::<Value>(text) else { return Vec::new() };
        let mut missing = Vec::new();
        for (keep, limit) in self.kept(row) {
            let seen = keep.seen(&tree);
            let unseen = limit.allowed.iter().filter(|value| !seen.contains(value));
            missing.extend(unseen.map(|value| (limit.argument.as_str(), value.as_str())));
        }
        missing
    }

    fn kept<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (&'a Keep, &'a Limit)> {
        row.keep.iter().filter_map(|keep| Some((keep, self.limit(&keep.argument)?)))
    }

    fn limit(&self, argument: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.argument == argument)
    }
}

/// What may be seen of an answer: what the server is limited to, and what the rules on the call say of arguments that the row does
/// not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) reach: &'a Reach,
    pub(crate) rules: &'a CallRules,
}

impl Filter for Seen<'_> {
    fn keep(&self, row: &Row, text: &str) -> Result<Option<KeptText>, String> {
        self.reach.keep(row, self.rules, text)
    }
}

impl Keep {
    /// How much was left out; nothing when none of the places was there.
    fn apply(&self, tree: &mut Value, is_allowed: impl Fn(&str) -> bool) -> Option<usize> {
        let mut left_out: Option<usize> = None;
        for at in &self.at {
            let gone = match tree.pointer_mut(&at.to_string()) {
                Some(Value::Array(items)) => {
                    let before = items.len();
                    items.retain(|item| self.id_of(item).is_some_and(&is_allowed));
                    before - items.len()
                }
                Some(Value::Object(members)) => {
                    let before = members.len();
                    members.retain(|id, _| is_allowed(id));
                    before - members.len()
                }
                _ => continue,
            };
            left_out = Some(left_out.unwrap_or_default() + gone);
        }
        left_out
    }

    fn seen(&self, tree: &Value) -> Vec<String> {
        let mut seen = Vec::new();
        for at in &self.at {
            match tree.pointer(&at.to_string()) {
                Some(Value::Array(items)) => seen.extend(items.iter().filter_map(|i| self.id_of(i)).map(str::to_owned)),
                Some(Value::Object(members)) => seen.extend(members.keys().cloned()),
                _ => {}
            }
        }
        seen
    }

    fn id_of<'v>(&self, item: &'v Value) -> Option<&'v str> {
        item.pointer(&self.id.to_string()).and_then(Value::as_str)
    }
}

/// The entries between the commas.
fn entries(text: &str) -> Result<Vec<&str>, String> {
    let entries: Vec<&str> = text.split(',').map(str::trim).collect();
    if entries.iter().any(|entry| entry.is_empty()) {
        return Err("must be a list with commas between its entries; leave it out where nothing is limited".to_owned());
    }
    match entries.iter().enumerate().find(|(at, entry)| entries.iter().take(*at).any(|other| other == *entry)) {
        Some((_, twice)) => Err(format!("names `{twice}` twice")),
        None => Ok(entries),
    }
}

fn id(entry: &str) -> Result<String, String> {
    if entry.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')) {
        return Ok(entry.to_owned());
    }
    Err(format!("holds `{entry}`, which is not an identifier"))
}

/// A host such as `status.example.com`, or its address; plain http on loopback alone.
fn host(entry: &str) -> Result<Host, String> {
    let wrong = |fault: &str| format!("holds `{entry}`, which {fault}");
    let text = if entry.contains("://") { entry.to_owned() } else { format!("https://{entry}") };
    let url = Url::parse(&text).map_err(|_| wrong("is not a host such as `status.example.com`"))?;
    check_base(&url).map_err(wrong)?;
    if url.path() != "/" {
        return Err(wrong("has a path: expected a host alone"));
    }
    Ok(Host { name: entry.to_owned(), base: url.as_str().trim_end_matches('/').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_without_a_path() {
        for (entry, base) in [
            ("status.example.com", "https://status.example.com"),
            ("https://status.example.com", "https://status.example.com"),
            ("status.example.com:8443", "https://status.example.com:8443"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(host(entry).unwrap().base, base);
        }
        for bad in [
            "http://status.example.com",
            "status.example.com/api",
            "user@status.example.com",
            "status.example.com?x",
            "ftp://a.example",
            "a b",
            "https://",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_has_no_empty_entry_and_none_twice() {
        assert_eq!(entries("a, b"), Ok(vec!["a", "b"]));
        for bad in ["", " ", "a,", ",a", "a,,b", "a, a"] {
            assert!(entries(bad).is_err(), "`{bad}`");
        }
        assert!(id("kctbh9vrtdwd").is_ok());
        for bad in ["a/b", "a b", "..%2f", "é"] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}

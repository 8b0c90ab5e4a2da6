//! The `x-govern` extension as it stands in a document. Every key is known here; any other is an error.

use std::collections::BTreeMap;

use mcp_govern_core::{CredentialSharing, Effect, Location, Risk};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::plan::NOBODY;

/// `x-govern` of an operation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OperationGovern {
    pub(crate) ignore: bool,
    /// The tool's name, where it is another one than the `operationId` gives.
    pub(crate) name: Option<String>,
    pub(crate) hidden: bool,
    pub(crate) effect: Option<Effect>,
    pub(crate) idempotent: Option<IdempotentGovern>,
    pub(crate) risk: Option<Risk>,
    pub(crate) why: Option<String>,
    pub(crate) unwrap: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) keep: Vec<KeepGovern>,
    /// Arguments whose keys or items name things of another argument, which is the value.
    pub(crate) keys_of: BTreeMap<String, String>,
    pub(crate) replaces: Option<String>,
    pub(crate) page: Option<PageChoice>,
    pub(crate) output: Option<OutputGovern>,
    #[serde(rename = "async")]
    pub(crate) poll: Option<PollGovern>,
    pub(crate) rate_domain: Option<String>,
    /// Who is notified; `nobody` says that there is none to be.
    pub(crate) notifies: Option<String>,
    /// What the description ends with.
    pub(crate) last_sentence: LastSentenceGovern,
    pub(crate) secret_output: Vec<String>,
    pub(crate) fixed: Vec<FixedGovern>,
    /// What is sent for an argument that is left out, by the argument's name.
    pub(crate) send: BTreeMap<String, Value>,
    /// Arguments that say in so many words what an empty list or map, or nothing at all, would do.
    pub(crate) instead: Vec<InsteadGovern>,
    /// Ranges of time that end now where their end is left out.
    pub(crate) ends_now: Vec<EndsNowGovern>,
    pub(crate) retry: RetryGovern,
    pub(crate) checks: Vec<CheckGovern>,
    /// What differs from the operation of the same `operationId` in the provider's first edition.
    pub(crate) differs: DiffersGovern,
}

/// Arguments that are not the same in two editions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DiffersGovern {
    /// What the first edition alone has.
    pub(crate) lacks: Vec<String>,
    /// What this edition alone has.
    pub(crate) adds: Vec<String>,
    /// What has another type here.
    pub(crate) changes: Vec<String>,
}

impl OperationGovern {
    /// The people who are notified.
    pub(crate) fn people(&self) -> Option<&String> {
        self.notifies.as_ref().filter(|who| *who != NOBODY)
    }
}

/// Sentences that follow from what an operation states, so that no description needs to hold them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LastSentenceGovern {
    /// Of operations with `effect: read`.
    pub(crate) read: Option<String>,
    /// Of operations with `notifies: nobody`.
    pub(crate) nobody: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum IdempotentGovern {
    Always(bool),
    With { with: String },
}

/// A paging style of the document by its name, or one of the operation's own.
#[derive(Debug)]
pub(crate) enum PageChoice {
    Named(String),
    Own(Box<PageGovern>),
}

impl<'de> Deserialize<'de> for PageChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::Named(name)),
            // Not `untagged`, which would hide the name of an unknown key.
            other => PageGovern::deserialize(other).map(|own| Self::Own(own.into())).map_err(serde::de::Error::custom),
        }
    }
}

/// What of an answer lies within a server's reach.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeepGovern {
    pub(crate) argument: String,
    #[serde(default)]
    pub(crate) at: Vec<String>,
    #[serde(default)]
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageGovern {
    pub(crate) style: PageStyleGovern,
    pub(crate) page: Option<String>,
    pub(crate) size: Option<String>,
    pub(crate) offset: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) first: Option<u64>,
    /// How many results are asked for where the caller does not say.
    pub(crate) default: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) window: Option<u64>,
    pub(crate) more: Option<String>,
    pub(crate) next: Option<String>,
    pub(crate) total: Option<String>,
    /// Where the items stand in an answer, where the operation does not say.
    pub(crate) items: Option<String>,
    /// The parameters that page, behind those of the operation.
    #[serde(default)]
    pub(crate) parameters: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PageStyleGovern {
    Number,
    Offset,
    Cursor,
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OutputGovern {
    pub(crate) items: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) drop: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PollGovern {
    pub(crate) poll: String,
    pub(crate) id: String,
    pub(crate) argument: String,
    pub(crate) pending: PendingGovern,
    pub(crate) success: String,
    pub(crate) message: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) wait_ms: u64,
    pub(crate) every_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingGovern {
    pub(crate) status: u16,
    pub(crate) header: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedGovern {
    #[serde(rename = "in")]
    pub(crate) location: Location,
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// An argument that takes the place of an empty value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InsteadGovern {
    /// The argument, a flag.
    pub(crate) argument: String,
    /// The list or map in whose place it is given.
    pub(crate) of: String,
    pub(crate) description: String,
    /// What is sent in its place: an empty list or map, a word for all of a list, null for a text. Nothing is sent where this is
    /// left out.
    #[serde(default, deserialize_with = "stated")]
    pub(crate) send: Option<Value>,
}

/// A value that is there, null included.
fn stated<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The arguments of a range of time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndsNowGovern {
    pub(crate) start: String,
    pub(crate) end: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetryGovern {
    pub(crate) throttled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckGovern {
    pub(crate) kind: CheckKindGovern,
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    pub(crate) argument: Option<String>,
    pub(crate) other: Option<String>,
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// `requires`: the arguments count only where they have this value.
    pub(crate) is: Option<Value>,
    /// `span`: how many calendar months.
    pub(crate) months: Option<u32>,
    /// `length`: how many characters.
    pub(crate) max: Option<usize>,
    /// `variant`: the member of each item that says what it is.
    pub(crate) by: Option<String>,
    /// `variant`: of which members an item has exactly one, by what it is.
    #[serde(default)]
    pub(crate) members: BTreeMap<String, Vec<String>>,
    /// `age`: how many days.
    pub(crate) days: Option<u32>,
    /// `age`: where in the argument the times stand.
    pub(crate) at: Option<String>,
    #[serde(default)]
    pub(crate) when: Map<String, Value>,
    /// Said instead of the kind's own sentence.
    pub(crate) text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckKindGovern {
    Exclusive,
    Requires,
    OneOf,
    AnyOf,
    Less,
    Before,
    Future,
    Past,
    Span,
    Age,
    Growing,
    Length,
    Variant,
}

/// `x-govern` of a security scheme.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchemeGovern {
    pub(crate) method: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) field: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) fields: Vec<FieldGovern>,
    pub(crate) sharing: Vec<CredentialSharing>,
    pub(crate) config: Vec<FieldGovern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldGovern {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) help: String,
    #[serde(default = "yes")]
    pub(crate) required: bool,
    pub(crate) format: Option<FieldFormatGovern>,
    /// Of a configuration: what the whole value must match.
    pub(crate) pattern: Option<String>,
}

/// `x-govern` of the document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DocumentGovern {
    pub(crate) provider: Option<String>,
    pub(crate) catalogue: Option<u64>,
    pub(crate) origin_roles: BTreeMap<String, OriginGovern>,
    pub(crate) scopes: Vec<ScopeGovern>,
    pub(crate) pages: BTreeMap<String, PageGovern>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) throttle: Option<Vec<ThrottleGovern>>,
    pub(crate) wait: Option<Vec<WaitGovern>>,
    pub(crate) wait_default_ms: Option<u64>,
    pub(crate) rates: BTreeMap<String, RateGovern>,
    pub(crate) errors: Option<ErrorsGovern>,
    pub(crate) remedies: Vec<RemedyGovern>,
    pub(crate) warnings: Vec<WarningGovern>,
    pub(crate) probe: Vec<ProbeGovern>,
    pub(crate) sunset: Option<SunsetGovern>,
    /// Which edition of the provider the document is.
    pub(crate) edition: Option<EditionGovern>,
    /// Operations of the first edition that this one does not have, by `operationId`, each with the reason.
    pub(crate) absent: BTreeMap<String, String>,
    /// What a server is configured with whatever its auth method is.
    pub(crate) config: Vec<FieldGovern>,
}

/// An edition's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditionGovern {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
}

/// Hosts beside the API's own that a server can name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OriginGovern {
    /// The configuration that lists the hosts.
    pub(crate) config: String,
    /// The argument that chooses one of them.
    pub(crate) argument: String,
    /// The argument's description.
    pub(crate) description: String,
}

/// An argument to whose values a server can be limited.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeGovern {
    pub(crate) argument: String,
    /// The configuration that lists the values.
    pub(crate) config: String,
    /// What becomes of the tools without the argument while the server is limited.
    #[serde(default)]
    pub(crate) others: OthersGovern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleGovern {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) nothing_done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitGovern {
    pub(crate) header: String,
    pub(crate) unit: WaitUnitGovern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateGovern {
    pub(crate) requests: usize,
    pub(crate) per_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ErrorsGovern {
    pub(crate) message: Vec<String>,
    pub(crate) code: Vec<String>,
    pub(crate) details: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) request_id: RequestIdGovern,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RequestIdGovern {
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemedyGovern {
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) contains: Option<String>,
    pub(crate) header: Option<String>,
    pub(crate) equals: Option<String>,
    pub(crate) kind: Option<String>,
    /// The origin that it is about; the server's base URL when absent.
    pub(crate) origin: Option<String>,
    pub(crate) remedy: String,
    /// Said instead where the vendor gave no words of its own.
    pub(crate) without_message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarningGovern {
    pub(crate) header: String,
    pub(crate) equals: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeGovern {
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
    #[serde(default)]
    pub(crate) grants: Vec<String>,
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) scheme: Option<String>,
    pub(crate) when: Option<String>,
    /// Asked for facts once the key is proved; what it cannot read is a remark.
    #[serde(default)]
    pub(crate) more: bool,
    /// Told with the facts.
    pub(crate) remark: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SunsetGovern {
    pub(crate) date: String,
    pub(crate) notice: String,
}

fn yes() -> bool {
    true
}

/// Reads `x-govern` of a node; an unknown key or a wrong type is an error that says what is known.
pub(crate) fn read<T: Default + for<'de> Deserialize<'de>>(node: &Map<String, Value>) -> Result<T, String> {
    match node.get("x-govern") {
        None => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| format!("`x-govern`: {error}")),
    }
}

/// How a header says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitUnitGovern {
    Seconds,
    Milliseconds,
    EpochSeconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldFormatGovern {
    Email,
    /// Identifiers, separated by commas.
    Ids,
    /// Hosts, separated by commas.
    Hosts,
}

/// What becomes of tools without the argument that a server is limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OthersGovern {
    /// They are not offered, but for those whose answer is kept to the values (`keep`).
    #[default]
    Closed,
    Open,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(value: Value) -> Result<OperationGovern, String> {
        read(json!({ "x-govern": value }).as_object().unwrap())
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_at_every_depth() {
        for (value, key) in [
            (json!({"efect": "read"}), "efect"),
            (json!({"page": {"style": "number", "per_page": "x"}}), "per_page"),
            (json!({"keep": [{"argument": "a", "ids": "/id"}]}), "ids"),
            (json!({"output": {"item": "/a"}}), "item"),
            (json!({"checks": [{"kind": "exclusive", "argumens": []}]}), "argumens"),
            (json!({"retry": {"throtled": true}}), "throtled"),
            (json!({"sends": {"a": 1}}), "sends"),
            (json!({"effect": "reed"}), "reed"),
        ] {
            let error = operation(value).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn idempotent_is_a_boolean_or_names_an_argument() {
        let with = operation(json!({"idempotent": {"with": "alias"}})).unwrap().idempotent;
        assert!(matches!(with, Some(IdempotentGovern::With { with }) if with == "alias"));
        assert!(matches!(
            operation(json!({"idempotent": true})).unwrap().idempotent,
            Some(IdempotentGovern::Always(true))
        ));
        assert!(operation(json!({"idempotent": "yes"})).is_err());
    }
}

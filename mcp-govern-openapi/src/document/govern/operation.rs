//! `x-govern` of an operation.

use std::collections::BTreeMap;

use mcp_govern_core::{Effect, Location, Risk};
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
    /// `age`, `span`: how many days.
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

//! The tool with which a model asks for access in the person's name. It belongs to the server, not to a vendor: what it does is a commit
//! of governance, on record in the journal.

use mcp_govern_core::{
    Principal, ProfileId,
    check::check_against,
    governor::{AccessWish, GovernError, RequestState, RequestableProfile},
    journal::RequestStatus,
};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, MetaObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, sync::Arc};

use super::{
    Adapter, meta_key,
    refusal::{OutputForm, error_result},
};
use crate::metrics::CallEnd;

/// The tool's name. A governed tool of the same name takes precedence.
pub(super) const REQUEST_ACCESS: &str = "request_access";

/// Whether callers are offered a tool to ask for access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessRequests {
    Offered,
    NotOffered,
}

/// What the person can do about a missing access profile, to stand behind `The person` or `the person`.
pub(super) fn way_to(profiles: &[ProfileId], requests: AccessRequests) -> String {
    let names: Vec<String> = profiles.iter().map(|profile| format!("`{profile}`")).collect();
    let way = match requests {
        AccessRequests::Offered => format!(": call `{REQUEST_ACCESS}` with it, if the person agrees"),
        AccessRequests::NotOffered => String::new(),
    };
    format!("can ask for the access profile {}{way}", names.join(" or "))
}

/// The longest justification, in characters: the journal takes no longer text.
const JUSTIFICATION: usize = 1_000;
/// The longest time that can be asked for, in hours: ten years.
const HOURS: u32 = 10 * 366 * 24;

/// The arguments of the tool, once they fit its schema.
#[derive(Debug, Deserialize)]
struct Arguments {
    profile: Option<String>,
    justification: Option<String>,
    hours: Option<f64>,
}

impl Adapter {
    /// The tool, where the caller can ask for something.
    pub(super) fn access_tool(&self, principal: &Principal) -> Option<Tool> {
        let profiles = self.requestable(principal)?;
        Some(shown(&profiles))
    }

    /// Whether a call of this name is for the tool of the server: where the caller can ask for nothing, there is none.
    pub(super) fn is_access_request(&self, principal: &Principal, name: &str) -> bool {
        name == REQUEST_ACCESS && self.requestable(principal).is_some()
    }

    /// Whether the tool is there for those who may ask for something.
    pub(super) fn access_requests(&self) -> AccessRequests {
        match self.options.access_requests {
            AccessRequests::Offered if self.governor.snapshot().tool_named(REQUEST_ACCESS).is_none() => {
                AccessRequests::Offered
            }
            _ => AccessRequests::NotOffered,
        }
    }

    /// What the caller may ask for with the tool; none where there is nothing, or no tool.
    pub(super) fn requestable(&self, principal: &Principal) -> Option<Vec<RequestableProfile>> {
        if self.access_requests() == AccessRequests::NotOffered {
            return None;
        }
        let profiles = self.governor.requestable_profiles(principal).ok()?;
        (!profiles.is_empty()).then_some(profiles)
    }

    /// Asks for a profile, or tells how the person's requests are doing.
    pub(super) async fn request_access(
        &self,
        principal: &Principal,
        arguments: Map<String, Value>,
        meta: MetaObject,
    ) -> (CallToolResult, CallEnd) {
        let answered = match wish(arguments) {
            Ok(Some(wish)) => self.governor.request_access(principal, wish).await.map(|state| answer(&state)),
            Ok(None) => Ok(match self.governor.own_requests(principal) {
                Ok(requests) => overview(&requests),
                Err(denial) => return (refused(denial.message(), meta), CallEnd::Denied(denial.code().as_str())),
            }),
            Err(fault) => return (refused(&fault, meta), CallEnd::Failed),
        };
        match answered {
            Ok((text, facts)) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
                result.structured_content = Some(facts);
                result.meta = Some(meta);
                (result, CallEnd::Success)
            }
            Err(error) => (self.not_made(principal, &error, meta), CallEnd::Failed),
        }
    }

    fn not_made(&self, principal: &Principal, error: &GovernError, meta: MetaObject) -> CallToolResult {
        let mut text = error.message().to_owned();
        if let Some(profiles) = self.requestable(principal) {
            let _ = write!(text, ". Profiles that can be asked for: {}", names(&profiles).join(", "));
        }
        refused(&text, meta)
    }
}

fn names(profiles: &[RequestableProfile]) -> Vec<String> {
    profiles.iter().map(|profile| format!("`{}`", profile.profile)).collect()
}

/// The tool as MCP shows it: the profiles stand in the description with what they are for, and as values of the argument.
fn shown(profiles: &[RequestableProfile]) -> Tool {
    let mut description = "Asks for an access profile in the name of the person you work for, so that its tools can be called. Use it \
         when a tool you need cannot be called yet, and only with the person's consent. Without `profile` it reports how the person's \
         requests are doing; asking again for the same profile while a request is open reports how that one is doing and asks for \
         nothing new."
        .to_owned();
    for profile in profiles {
        let _ = write!(description, "\n- `{}`: {}", profile.profile, profile.label.title);
        if !profile.label.description.is_empty() {
            let _ = write!(description, ". {}", profile.label.description);
        }
        let _ = write!(description, " ({})", conditions(profile));
    }
    let mut schema = schema();
    let choice: Vec<&str> = profiles.iter().map(|profile| profile.profile.as_str()).collect();
    if let Some(profile) = schema.pointer_mut("/properties/profile").and_then(Value::as_object_mut) {
        profile.insert("enum".to_owned(), choice.into());
    }
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    let title = "Ask for access";
    Tool::new(REQUEST_ACCESS, description, Arc::new(schema)).with_title(title).with_annotations(
        ToolAnnotations::from_raw(Some(title.to_owned()), Some(false), Some(false), Some(false), Some(false)),
    )
}

/// The schema of the arguments. Which profiles can be asked for is left out: of another one the governor says why not.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "profile": {"type": "string", "description": "The access profile to ask for."},
            "justification": {
                "type": "string", "minLength": 1, "maxLength": JUSTIFICATION,
                "description": "Why the person needs it, in one or two sentences. The people who approve the request read it.",
            },
            "hours": {
                "type": "number", "exclusiveMinimum": 0, "maximum": HOURS,
                "description": "For how many hours. Left out: as long as the profile allows.",
            },
        },
        "additionalProperties": false,
    })
}

fn conditions(profile: &RequestableProfile) -> String {
    let mut said = vec![if profile.is_automatic() { "given at once" } else { "other people approve it" }.to_owned()];
    if profile.needs_justification() {
        said.push("needs a justification".to_owned());
    }
    if let Some(longest) = profile.policy.longest_seconds {
        said.push(format!("for {} at most", duration(longest)));
    }
    said.join(", ")
}

/// A duration in the largest unit that says it exactly.
fn duration(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} days", s / 86_400),
        s if s % 3_600 == 0 => format!("{} hours", s / 3_600),
        s if s % 60 == 0 => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

/// What is asked for; nothing where no profile is named.
fn wish(arguments: Map<String, Value>) -> Result<Option<AccessWish>, String> {
    let arguments =
        check_against(REQUEST_ACCESS, &schema(), arguments).map_err(|denial| denial.message().to_owned())?;
    let read: Arguments = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| format!("the arguments do not fit `{REQUEST_ACCESS}`: {error}"))?;
    let Some(profile) = read.profile else {
        let more = read.justification.is_some() || read.hours.is_some();
        return if more { Err("name the `profile` that is asked for".to_owned()) } else { Ok(None) };
    };
    let profile = ProfileId::new(&profile).map_err(|error| format!("`profile`: {error}"))?;
    let mut wish = AccessWish::new(profile);
    if let Some(why) = read.justification {
        wish = wish.with_justification(why);
    }
    if let Some(hours) = read.hours {
        wish = wish.with_seconds(seconds(hours));
    }
    Ok(Some(wish))
}

/// Whole seconds, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the schema lets few hours pass, and positive ones alone"
)]
fn seconds(hours: f64) -> u64 {
    ((hours * 3_600.0).round() as u64).max(1)
}

/// One request, in a sentence and as facts.
fn answer(state: &RequestState) -> (String, Value) {
    (sentence(state), json!({"request": state}))
}

fn overview(requests: &[RequestState]) -> (String, Value) {
    /// Older requests say little about what to do next.
    const SHOWN: usize = 20;
    let shown: Vec<&RequestState> = requests.iter().take(SHOWN).collect();
    let text = match shown.as_slice() {
        [] => "there are no requests of this person yet".to_owned(),
        shown => shown.iter().map(|state| sentence(state)).collect::<Vec<_>>().join("\n"),
    };
    (text, json!({"requests": shown}))
}

fn sentence(state: &RequestState) -> String {
    let RequestState { request, profile, .. } = state;
    match state.status {
        RequestStatus::Pending => {
            let before = if state.repeated { "is open already and" } else { "was made and" };
            let step = state.step.map_or_else(String::new, |step| format!(" {step} of {}", state.steps));
            format!(
                "request `{request}` for the access profile `{profile}` {before} waits for approval step{step}; it expires at {}. Tell the \
                 person; calling again will not speed it up",
                state.expires
            )
        }
        RequestStatus::Approved => match (&state.grant, state.until) {
            (Some(_), Some(until)) => {
                format!(
                    "request `{request}` is approved: the access profile `{profile}` is held until {until}. List the tools again"
                )
            }
            (Some(_), None) => {
                format!("request `{request}` is approved: the access profile `{profile}` is held. List the tools again")
            }
            (None, _) => format!("request `{request}` for `{profile}` was approved, and that access has ended since"),
        },
        RequestStatus::Denied => format!("request `{request}` for `{profile}` was denied"),
        RequestStatus::Cancelled => format!("request `{request}` for `{profile}` was taken back"),
        RequestStatus::Expired => format!("request `{request}` for `{profile}` expired before it was decided"),
    }
}

fn refused(text: &str, mut meta: MetaObject) -> CallToolResult {
    meta.insert(meta_key("tool"), REQUEST_ACCESS.into());
    let facts = json!({"kind": "not_made"});
    error_result(format!("nothing was asked for: {text}"), "failure", facts, OutputForm::Free, meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &Value) -> Result<Option<AccessWish>, String> {
        wish(arguments.as_object().unwrap().clone())
    }

    #[test]
    fn a_wish_is_read_from_the_arguments_or_refused_with_a_sentence() {
        assert_eq!(read(&json!({})), Ok(None));
        let on_call = ProfileId::new("on-call").unwrap();
        assert_eq!(read(&json!({"profile": "on-call"})), Ok(Some(AccessWish::new(on_call.clone()))));
        let whole = AccessWish::new(on_call.clone()).with_justification("the pager rings").with_seconds(5_400);
        assert_eq!(
            read(&json!({"profile": "on-call", "justification": "the pager rings", "hours": 1.5})),
            Ok(Some(whole))
        );
        // As other tools' arguments, they are read as they are meant.
        let meant = json!({"profile": "on-call", "justification": "", "hours": "1.5"});
        assert_eq!(read(&meant), Ok(Some(AccessWish::new(on_call).with_seconds(5_400))));
        assert_eq!(read(&json!({"profile": null, "justification": null, "hours": null})), Ok(None));
        for (arguments, part) in [
            (json!({"hours": 1}), "name the `profile`"),
            (json!({"profile": "On Call"}), "`profile`"),
            (json!({"profile": "a", "hours": 0}), "`hours`"),
            (json!({"profile": "a", "hours": -1}), "`hours`"),
            (json!({"profile": "a", "hours": 1e300}), "`hours`"),
            (json!({"profile": "a", "hours": "soon"}), "send a number"),
            (json!({"profile": "a", "why": "x"}), "`why` is not known"),
            (json!({"profile": 7}), "`profile` must be of type string"),
            (json!({"profile": "a", "justification": "x".repeat(1_001)}), "`justification`"),
        ] {
            let fault = read(&arguments).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn durations_are_told_in_the_largest_exact_unit() {
        assert_eq!(duration(28_800), "8 hours");
        assert_eq!(duration(172_800), "2 days");
        assert_eq!(duration(90), "90 seconds");
        assert_eq!(duration(5_400), "90 minutes");
    }
}

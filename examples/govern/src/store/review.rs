//! Approving, disabling and resetting tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    str::FromStr,
};

use mcp_govern_core::{
    Digest, ToolId,
    journal::{Action, State, Tool, ToolState},
};

use super::{
    args::CommitArguments, commit::carry_out, output::count, parse::SeenTool, session::Session, tools::SeenRows,
};
use crate::{failure::Failure, serve::Form};

/// The fewest digits that name a definition: a person who wants another definition to begin with them tries 2^63 times.
const FEWEST: usize = 16;

/// The beginning of a digest, as a reviewer has seen it: `sha256:` and 16 to 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DigestPrefix(String);

impl DigestPrefix {
    /// Whether it is the beginning of this digest.
    pub(crate) fn names(&self, digest: &Digest) -> bool {
        digest.to_string().starts_with(&self.0)
    }
}

impl fmt::Display for DigestPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DigestPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("sha256:").unwrap_or_default();
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        if (FEWEST..=64).contains(&digits.len()) && hexadecimal {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("expected `sha256:` and {FEWEST} to 64 hexadecimal digits"))
        }
    }
}

/// The definition of a tool, current or staged, that a reviewer names.
pub(crate) fn named(tool: &Tool, prefix: &DigestPrefix) -> Option<Digest> {
    let staged = tool.staged().map(|(digest, _, _)| digest);
    [tool.digest()].into_iter().chain(staged).find(|digest| prefix.names(digest))
}

/// Approves tools, each under the digest that was seen.
///
/// INVARIANT: an approval names a digest that a person has given; the current one is never filled in
/// (`an_approval_of_a_definition_that_was_not_seen_is_refused`).
pub(crate) async fn approve(
    session: &Session,
    seen: &[SeenTool],
    from: Option<&Path>,
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let state = session.state();
    let mut tools: BTreeMap<ToolId, Digest> = BTreeMap::new();
    if let Some(path) = from {
        for row in read(path).map_err(|failure| failure.at(format_args!("`{}`", path.display())))?.tools {
            // A list may hold more than what waits for review.
            let open = |tool: &Tool| tool.state() != ToolState::Approved || !tool.approvals().contains(&row.digest);
            if state.tools().get(&row.tool).is_none_or(open) {
                tools.insert(row.tool, row.digest);
            }
        }
    }
    for SeenTool { tool, digest } in seen {
        tools.insert(tool.clone(), seen_digest(&state, tool, digest)?);
    }
    drop(state);
    if tools.is_empty() {
        return Err(Failure::refused("nothing is to be approved: every tool of the list is approved already"));
    }
    let what = format!("approve {}", names(tools.keys()));
    carry_out(session, how, Action::ApproveTools { tools }, what, form, out).await
}

/// Disables tools.
pub(crate) async fn disable(
    session: &Session,
    tools: &[ToolId],
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let tools: BTreeSet<ToolId> = tools.iter().cloned().collect();
    let what = format!("disable {}", names(&tools));
    carry_out(session, how, Action::DisableTools { tools }, what, form, out).await
}

/// Sets tools back to be reviewed.
pub(crate) async fn reset(
    session: &Session,
    tools: &[ToolId],
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let tools: BTreeSet<ToolId> = tools.iter().cloned().collect();
    let what = format!("set back {}", names(&tools));
    carry_out(session, how, Action::ResetTools { tools }, what, form, out).await
}

fn seen_digest(state: &State, id: &ToolId, prefix: &DigestPrefix) -> Result<Digest, Failure> {
    let tool = state.tools().get(id).ok_or_else(|| Failure::refused(format!("there is no tool `{id}`")))?;
    named(tool, prefix).ok_or_else(|| {
        Failure::refused(format!(
            "the definition of tool `{id}` is not the one that was seen, `{prefix}`: it is `{}` now; look at `govern diff {id}` \
             and approve again",
            tool.digest()
        ))
    })
}

fn read(path: &Path) -> Result<SeenRows, Failure> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(path).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("this is not an answer of `tools --json`: {error}")))
}

/// A few by name, many by number.
fn names<'a>(tools: impl IntoIterator<Item = &'a ToolId>) -> String {
    let names: Vec<String> = tools.into_iter().map(|tool| format!("`{tool}`")).collect();
    if names.len() > 5 { count(names.len(), "tool") } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_named_by_at_least_sixteen_digits() {
        let digest = Digest::of_bytes(b"definition");
        let text = digest.to_string();
        for length in [16, 40, 64] {
            let prefix: DigestPrefix = text[.."sha256:".len() + length].parse().unwrap();
            assert!(prefix.names(&digest));
            assert!(!prefix.names(&Digest::of_bytes(b"other")));
        }
        for text in [
            &text[.."sha256:".len() + 15],
            "sha256:",
            &text["sha256:".len()..],
            &text.to_uppercase(),
            &format!("{text}0"),
        ] {
            assert!(text.parse::<DigestPrefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn few_tools_are_named_and_many_are_counted() {
        let tools: Vec<ToolId> = (0..6).map(|n| format!("s/t{n}").parse().unwrap()).collect();
        assert_eq!(names(&tools[..2]), "`s/t0`, `s/t1`");
        assert_eq!(names(&tools), "6 tools");
    }
}

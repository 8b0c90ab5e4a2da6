//! What people write on the command line, parsed once.

use std::{fmt, str::FromStr, time::Duration};

pub(crate) use mcp_govern_core::parse_duration as duration;
use mcp_govern_core::{ClientId, ParseIdError, Timestamp, ToolId, UserId, ports::AuditCursor, ports::WriterId};

use super::review::DigestPrefix;

/// The issuer of a person or client that is named without one: the gateway's static tokens have it too.
const ISSUER: &str = "local";

/// A person as this program writes them: `ann (https://id.example.com)`, or `ann`, whose issuer is `local`.
pub(crate) fn user(text: &str) -> Result<UserId, ParseIdError> {
    let (name, issuer) = name_and_issuer(text);
    UserId::new(issuer, name)
}

/// An AI client, written as a person is.
pub(crate) fn client(text: &str) -> Result<ClientId, ParseIdError> {
    let (name, issuer) = name_and_issuer(text);
    ClientId::new(issuer, name)
}

fn name_and_issuer(text: &str) -> (&str, &str) {
    text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).unwrap_or((text, ISSUER))
}

/// A writer of a chain of records.
pub(crate) fn writer(text: &str) -> Result<WriterId, String> {
    WriterId::new(text).ok_or_else(|| "a writer's name has 1 to 64 characters of a-z, 0-9 and `-`".to_owned())
}

/// A point in time, or one so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    /// The point in time, seen from now.
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(duration) => {
                let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.as_millis().saturating_sub(millis))
            }
        }
    }
}

/// A point in time in RFC 3339, or how long ago it is.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    match duration(text) {
        Ok(duration) => Ok(Moment::Ago(duration)),
        Err(_) => text.parse().map(Moment::At).map_err(|_| {
            format!("`{text}` is neither a time such as `2026-11-21T09:30:00Z` nor a duration such as `24h`")
        }),
    }
}

/// A tool under the digest that a reviewer has seen: `server/tool@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenTool {
    pub(crate) tool: ToolId,
    pub(crate) digest: DigestPrefix,
}

impl FromStr for SeenTool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tool, digest) = text.split_once('@').ok_or_else(|| {
            "say which definition was seen, `server/tool@sha256:…`: `tools` and `diff` show it".to_owned()
        })?;
        Ok(Self { tool: tool.parse().map_err(|error: ParseIdError| error.to_string())?, digest: digest.parse()? })
    }
}

/// Where a page of records ended: `TIME/WRITER/SEQUENCE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) AuditCursor);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0.at, self.0.writer, self.0.sequence)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let [at, writer, sequence] = parts.as_slice() else { return Err(no_cursor(text)) };
        let at = at.parse().map_err(|_| no_cursor(text))?;
        let writer = WriterId::new(writer).ok_or_else(|| no_cursor(text))?;
        let sequence = sequence.parse().map_err(|_| no_cursor(text))?;
        Ok(Self(AuditCursor { at, writer, sequence }))
    }
}

fn no_cursor(text: &str) -> String {
    format!("`{text}` is not a `next` of a page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_read_as_they_are_written() {
        for (text, subject, issuer) in [
            ("ann", "ann", "local"),
            ("ann@example.com (https://id.example.com)", "ann@example.com", "https://id.example.com"),
            ("a (b) (os)", "a (b)", "os"),
            ("odd)", "odd)", "local"),
        ] {
            let user = user(text).unwrap();
            assert_eq!((user.subject.as_str(), user.issuer.as_str()), (subject, issuer));
            assert_eq!(super::user(&user.to_string()).unwrap(), user);
        }
        assert!(user("").is_err() && client(" (os)").is_err());
    }

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(moment("1h").unwrap().from(now), "2026-11-21T09:00:00Z".parse().unwrap());
        assert_eq!(moment("2026-01-01T00:00:00Z").unwrap().from(now), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(moment("9999999w").unwrap().from(now), Timestamp::default());
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let text = "2026-11-21T10:00:00.123Z/w-0af3/17";
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        for text in ["", "a/b", "2026-11-21T10:00:00Z/W/1", "2026-11-21T10:00:00Z/w/x"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tool_without_a_digest_was_not_seen() {
        assert!("s/t".parse::<SeenTool>().unwrap_err().contains("which definition"));
        assert!("s/t@sha256:0123456789abcdef".parse::<SeenTool>().is_ok());
        assert!("s/t@sha256:0123".parse::<SeenTool>().is_err());
    }
}

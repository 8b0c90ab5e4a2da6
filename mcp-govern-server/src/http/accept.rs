//! What a client accepts as an answer (RFC 9110, section 12.5.1).
//!
//! The transport of MCP demands that clients accept JSON and streams. Those in use do not all say so: some accept one of them, anything, or
//! state nothing. They are answered in what they accept.

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::message::Unreadable;

/// What the protocol library wants to hear.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream";

/// In which form a request can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    Both,
    /// Anything: then one message, which every reader knows, but for what only a stream can answer.
    Anything,
    /// One message; nothing is sent before it.
    Json,
    /// A stream, also for a single message.
    Stream,
}

impl Accepts {
    /// What the headers say, which from now on say that both is accepted. None where it is neither.
    pub(super) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let stated: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let ranges: Vec<Range<'_>> = stated.iter().flat_map(|line| line.split(',')).filter_map(Range::read).collect();
        let accepts = match (weighed(&ranges, JSON), weighed(&ranges, STREAM)) {
            _ if ranges.is_empty() => Some(Self::Anything),
            (Some(Named::Wildcard), Some(Named::Wildcard)) => Some(Self::Anything),
            (Some(_), Some(_)) => Some(Self::Both),
            (Some(_), None) => Some(Self::Json),
            (None, Some(_)) => Some(Self::Stream),
            (None, None) => None,
        };
        headers.insert(header::ACCEPT, BOTH);
        accepts
    }

    /// Whether something can be sent before the answer.
    pub(super) fn takes_notifications(self) -> bool {
        matches!(self, Self::Both | Self::Stream)
    }

    /// Whether a stream is an answer.
    pub(super) fn takes_streams(self) -> bool {
        self != Self::Json
    }

    /// A whole answer in the form that is accepted.
    pub(super) async fn shaped(self, response: Response) -> Response {
        let is_json =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == JSON.as_bytes());
        // Statuses of errors are answered in JSON, which is what clients look for in them.
        if self != Self::Stream || !is_json || response.status() != StatusCode::OK {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let Ok(collected) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Response::from_parts(parts, Body::from(event(&collected.to_bytes())))
    }
}

/// The answer where nothing that could be answered is accepted.
pub(super) fn not_acceptable() -> Response {
    let message = "this server answers `application/json` or `text/event-stream`: accept one of them";
    Unreadable::request(message).into_response(Some(StatusCode::NOT_ACCEPTABLE))
}

/// The answer where a stream is asked for and not accepted.
pub(super) fn needs_stream() -> Response {
    let message = "`subscriptions/listen` is answered by a stream: accept `text/event-stream`";
    Unreadable::request(message).into_response(Some(StatusCode::NOT_ACCEPTABLE))
}

/// A message as the only event of a stream. A vendor's text may hold the ends of lines between its values; a reader puts them back.
fn event(message: &Bytes) -> Vec<u8> {
    let mut event = Vec::with_capacity(message.len() + 32);
    for line in message.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event
}

/// How a media type was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// By `*/*`.
    Wildcard,
    /// By its first half.
    Kind,
    Exactly,
}

/// A media range, with whether it is accepted.
#[derive(Debug)]
struct Range<'a> {
    name: &'a str,
    accepted: bool,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let name = parts.next()?.trim();
        let weight = parts
            .filter_map(|part| part.trim().split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        // A weight of zero means: not this. One that cannot be read means nothing.
        let accepted =
            weight.is_none_or(|(_, weight)| weight.trim().parse::<f32>().map_or(true, |weight| weight > 0.0));
        (!name.is_empty()).then_some(Self { name, accepted })
    }

    fn names(&self, media_type: &str) -> Option<Named> {
        if self.name.eq_ignore_ascii_case(media_type) {
            return Some(Named::Exactly);
        }
        let (kind, rest) = self.name.split_once('/').unwrap_or((self.name, ""));
        match (kind, rest) {
            ("*", "*" | "") => Some(Named::Wildcard),
            (kind, "*") if media_type.split_once('/').is_some_and(|(own, _)| own.eq_ignore_ascii_case(kind)) => {
                Some(Named::Kind)
            }
            _ => None,
        }
    }
}

/// How a media type is accepted: the range that names it most exactly counts.
fn weighed(ranges: &[Range<'_>], media_type: &str) -> Option<Named> {
    let named = ranges.iter().filter_map(|range| range.names(media_type).map(|named| (named, range.accepted)));
    named.max_by_key(|(named, accepted)| (*named, *accepted)).filter(|(_, accepted)| *accepted).map(|(named, _)| named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_that_names_a_form_most_exactly_counts() {
        let accepts = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT, line.parse().unwrap());
            }
            let accepts = Accepts::take(&mut headers);
            assert_eq!(headers.get_all(header::ACCEPT).iter().collect::<Vec<_>>(), [BOTH]);
            accepts
        };
        for (lines, expected) in [
            (&[][..], Some(Accepts::Anything)),
            (&[""], Some(Accepts::Anything)),
            (&["*/*"], Some(Accepts::Anything)),
            (&["application/json"], Some(Accepts::Json)),
            (&["Application/JSON; charset=utf-8"], Some(Accepts::Json)),
            (&["application/*"], Some(Accepts::Json)),
            (&["text/event-stream"], Some(Accepts::Stream)),
            (&["text/*;q=0.1"], Some(Accepts::Stream)),
            (&["application/json, text/event-stream"], Some(Accepts::Both)),
            (&["application/json", "text/event-stream"], Some(Accepts::Both)),
            (&["text/event-stream, */*"], Some(Accepts::Both)),
            (&["application/json, */*;q=0.1"], Some(Accepts::Both)),
            (&["application/json;q=0, */*"], Some(Accepts::Stream)),
            (&["*/*, text/event-stream;q=0"], Some(Accepts::Json)),
            (&["text/html"], None),
            (&["application/json;q=0.0"], None),
            (&["*/*;q=0"], None),
        ] {
            assert_eq!(accepts(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn an_event_holds_its_message_whatever_ends_of_lines_are_in_it() {
        assert_eq!(event(&Bytes::from_static(b"{}")), b"data: {}\n\n");
        assert_eq!(event(&Bytes::from_static(b"{\n \"a\":\r\n1}")), b"data: {\ndata:  \"a\":\ndata: \ndata: 1}\n\n");
    }
}

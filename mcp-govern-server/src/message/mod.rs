//! Messages as clients send them, before the protocol library reads them.
//!
//! The library takes a known method whose parameters it cannot read for an unknown method, and a client that only describes itself oddly
//! for one that cannot be served. Here a message is read for what it is: what merely informs is read leniently, what cannot be read is
//! refused with the place and the reason, and everything else passes byte for byte.

mod lenient;
mod params;
mod pipe;
mod repeated;
mod unreadable;

use axum::body::Bytes;
use memchr::memchr2;
use rmcp::model::{RequestId, SubscriptionFilter};
use serde::Serialize;
use serde_json::value::RawValue;

use self::params::{Members, kind_of};
#[cfg(test)]
pub(crate) use self::repeated::repeated_name;
pub(crate) use self::{pipe::Pipe, unreadable::Unreadable};
use crate::steps;

/// How deep a message may be nested. The protocol library's reader ends at 128 levels; arguments may have 64.
const DEEPEST: usize = 120;

/// RFC 8259, section 8.1: a reader may pass over it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The methods that are served here. Another one is answered as one that does not exist, whatever its parameters are.
const SERVED: [&str; 6] = ["initialize", "ping", "server/discover", "tools/list", "tools/call", "subscriptions/listen"];

/// A message that the protocol library can read.
#[derive(Debug)]
pub(crate) struct Message {
    /// As it came, but for what was read leniently.
    pub(crate) text: Bytes,
    /// None where nothing is asked: a notification, or an answer.
    pub(crate) request: Option<Request>,
}

/// What a message asks.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: Box<RawValue>,
    pub(crate) method: String,
    /// Whether it states its version of the protocol itself, as requests do since 2026-07-28.
    pub(crate) states_version: bool,
}

impl Request {
    /// Whether there is such a method here.
    pub(crate) fn is_served(&self) -> bool {
        // Since 2026-07-28 there is no handshake.
        SERVED.contains(&self.method.as_str()) && !(self.method == "initialize" && self.states_version)
    }
}

/// Reads one message.
///
/// INVARIANT: what passes is read by the protocol library as what it is; a served method never becomes an unknown one
/// (`unreadable_parameters_are_refused_with_place_and_reason`).
pub(crate) fn read(bytes: &Bytes) -> Result<Message, Unreadable> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(no_object(text));
    }
    if is_deep(text) {
        return Err(Unreadable::parse(&format_args!("it is nested more deeply than {DEEPEST} levels")));
    }
    let mut message: Members<'_> = serde_json::from_slice(text).map_err(|error| Unreadable::parse(&error))?;
    if let Some(name) = message.repeated() {
        return Err(Unreadable::request(format!("the message gives `{name}` twice")));
    }
    if message.get("jsonrpc").is_none_or(|version| text_of(version).as_deref() != Some("2.0")) {
        return Err(Unreadable::request("`jsonrpc` must be \"2.0\""));
    }
    let whole = |text: &[u8]| if text.len() == bytes.len() { bytes.clone() } else { bytes.slice_ref(text) };
    let Some(method) = message.get("method") else {
        if !message.contains("result") && !message.contains("error") {
            return Err(Unreadable::request("`method` is missing"));
        }
        // An answer to something that was asked: whether that is so, the library knows.
        return Ok(Message { text: whole(text), request: None });
    };
    let method = text_of(method).ok_or_else(|| Unreadable::request("`method` must be a text"))?;
    let id = message.get("id").map(ToOwned::to_owned);
    if let Some(id) = &id
        && serde_json::from_str::<RequestId>(id.get()).is_err()
    {
        return Err(Unreadable::request("`id` must be a text or a whole number"));
    }
    let about = |fault: Fault| fault.of(id.clone());
    let Prepared { params, states_version } = prepare(message.get("params"), &method, id.is_some()).map_err(about)?;
    match params {
        Params::AsTheyAre => {}
        Params::LeftOut => message.remove("params"),
        Params::Rewritten(params) => message.set("params", &params),
    }
    let text = if message.is_changed() { rewritten(&message)? } else { whole(text) };
    let request = id.map(|id| Request { id, method, states_version });
    Ok(Message { text, request })
}

/// What is wrong with parameters.
#[derive(Debug)]
struct Fault {
    message: String,
    of_meta: bool,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), of_meta: false }
    }

    /// A value that is of another kind than it must be.
    fn kind(place: &str, wanted: &str, found: &RawValue) -> Self {
        let found = kind_of(found);
        let hint = match (wanted, found) {
            ("an object", "a text") => ": write the object itself, not its JSON text",
            _ => "",
        };
        Self::new(format!("`{place}` must be {wanted} and is {found}{hint}"))
    }

    fn of(self, id: Option<Box<RawValue>>) -> Unreadable {
        Unreadable::params(id, self.message, self.of_meta)
    }
}

/// Parameters that were checked.
#[derive(Debug)]
struct Prepared {
    params: Params,
    states_version: bool,
}

/// What becomes of a message's parameters.
#[derive(Debug)]
enum Params {
    AsTheyAre,
    LeftOut,
    Rewritten(Box<RawValue>),
}

/// Checks the parameters of a message, and makes them what the library reads.
fn prepare(stated: Option<&RawValue>, method: &str, asks: bool) -> Result<Prepared, Fault> {
    let served = asks && SERVED.contains(&method);
    // What is not served is answered as unknown: its parameters only must not be in the way.
    let strict = served || !asks;
    let mut left_out = false;
    let mut params = match stated {
        Some(stated) if kind_of(stated) == "an object" => members(stated, "params")?,
        Some(stated) if strict && !is_nothing(stated) => return Err(Fault::kind("params", "an object", stated)),
        stated => {
            left_out = stated.is_some();
            Members::default()
        }
    };
    let states_version = meta(&mut params, strict)?;
    if served {
        match method {
            // Who states a version with each request has no handshake: there the library answers that there is no such method.
            "initialize" if !states_version => initialize(&mut params)?,
            "tools/call" => call(&mut params)?,
            "tools/list" => optional(&params, "cursor", "a text")?,
            "subscriptions/listen" if states_version => listen(&params)?,
            _ => {}
        }
    }
    let params = match (params.is_changed(), params.is_empty()) {
        (true, false) => Params::Rewritten(params.to_raw().ok_or_else(|| Fault::new("`params` cannot be read"))?),
        (true, true) => Params::LeftOut,
        (false, _) if left_out => Params::LeftOut,
        (false, _) => Params::AsTheyAre,
    };
    Ok(Prepared { params, states_version })
}

/// The members of an object, each once.
fn members<'a>(stated: &'a RawValue, place: &str) -> Result<Members<'a>, Fault> {
    let members: Members<'a> =
        serde_json::from_str(stated.get()).map_err(|error| Fault::new(format!("`{place}`: {error}")))?;
    match members.repeated() {
        Some(name) => Err(Fault::new(format!("`{place}` gives `{name}` twice"))),
        None => Ok(members),
    }
}

/// `_meta`; answers whether it states a version of the protocol.
fn meta(params: &mut Members<'_>, strict: bool) -> Result<bool, Fault> {
    let Some(stated) = params.get("_meta") else { return Ok(false) };
    let fault = |fault: Fault| Fault { of_meta: true, ..fault };
    if is_nothing(stated) || (kind_of(stated) != "an object" && !strict) {
        params.remove("_meta");
        return Ok(false);
    }
    if kind_of(stated) != "an object" {
        return Err(fault(Fault::kind("params._meta", "an object", stated)));
    }
    let mut meta = members(stated, "params._meta").map_err(fault)?;
    lenient::capabilities(&mut meta, "io.modelcontextprotocol/clientCapabilities");
    lenient::client_info(&mut meta, "io.modelcontextprotocol/clientInfo");
    let states_version = meta.contains("io.modelcontextprotocol/protocolVersion");
    if let Some(rewritten) = meta.is_changed().then(|| meta.to_raw()).flatten() {
        params.set("_meta", &rewritten);
    }
    Ok(states_version)
}

fn initialize(params: &mut Members<'_>) -> Result<(), Fault> {
    needed(params, "protocolVersion", "the version of the protocol that the client speaks, such as \"2025-11-25\"")?;
    match params.get("capabilities") {
        Some(stated) if kind_of(stated) == "an object" => lenient::capabilities(params, "capabilities"),
        Some(stated) if !is_nothing(stated) => {
            return Err(Fault::kind("params.capabilities", "an object", stated));
        }
        _ => params.set("capabilities", &serde_json::json!({})),
    }
    if !params.contains("clientInfo") {
        params.set("clientInfo", &serde_json::json!({}));
    }
    lenient::client_info(params, "clientInfo");
    Ok(())
}

fn call(params: &mut Members<'_>) -> Result<(), Fault> {
    needed(params, "name", "the name of the tool")?;
    match params.get("arguments") {
        Some(stated) if is_nothing(stated) => params.remove("arguments"),
        Some(stated) if kind_of(stated) != "an object" => {
            return Err(Fault::kind("params.arguments", "an object", stated));
        }
        Some(stated) => {
            if let Some(name) = repeated::name_in(stated.get()) {
                return Err(Fault::new(format!(
                    "the arguments give `{name}` twice in one object: give each name once"
                )));
            }
        }
        None => {}
    }
    optional(params, "inputResponses", "an object")?;
    optional(params, "requestState", "a text")
}

fn listen(params: &Members<'_>) -> Result<(), Fault> {
    let Some(stated) = params.get("notifications") else {
        return Err(Fault::new("`params.notifications` is missing: it names the notifications to send"));
    };
    serde_json::from_str::<SubscriptionFilter>(stated.get())
        .map(drop)
        .map_err(|error| Fault::new(format!("`params.notifications`: {error}")))
}

/// A parameter that must be there, as a text.
fn needed(params: &Members<'_>, name: &str, what: &str) -> Result<(), Fault> {
    match params.get(name) {
        None => Err(Fault::new(format!("`params.{name}` is missing: {what}"))),
        Some(stated) if kind_of(stated) == "a text" => Ok(()),
        Some(stated) => Err(Fault::kind(&format!("params.{name}"), "a text", stated)),
    }
}

/// A parameter that may be left out, or null.
fn optional(params: &Members<'_>, name: &str, wanted: &str) -> Result<(), Fault> {
    match params.get(name) {
        Some(stated) if kind_of(stated) != wanted && kind_of(stated) != "null" => {
            Err(Fault::kind(&format!("params.{name}"), wanted, stated))
        }
        _ => Ok(()),
    }
}

/// Whether a value means an object that was left out. In some languages an empty object is written as an empty list.
fn is_nothing(value: &RawValue) -> bool {
    let inner = value.get().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    kind_of(value) == "null" || inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn rewritten(message: &impl Serialize) -> Result<Bytes, Unreadable> {
    serde_json::to_vec(message).map(Bytes::from).map_err(|error| Unreadable::parse(&error))
}

/// Why a text that is not an object is not a message.
fn no_object(text: &[u8]) -> Unreadable {
    match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
        Err(error) => Unreadable::parse(&error),
        Ok(_) if text.trim_ascii_start().starts_with(b"[") => {
            Unreadable::request("batches of messages are not read: send each message by itself")
        }
        Ok(_) => Unreadable::request("a message is a JSON object with `jsonrpc`, `id`, `method` and `params`"),
    }
}

/// Whether a text of JSON is nested more deeply than it may be, found without building it.
fn is_deep(text: &[u8]) -> bool {
    let (mut rest, mut depth) = (text, 0_usize);
    while let Some((byte, behind)) = rest.split_first() {
        steps::tick();
        rest = match byte {
            b'"' => behind_string(behind),
            b'[' | b'{' => {
                depth += 1;
                behind
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                behind
            }
            _ => behind,
        };
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

/// What follows a string of which the opening quote was read.
pub(crate) fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some((_, found)) = memchr2(b'"', b'\\', rest).and_then(|at| rest.split_at_checked(at)) {
        match found {
            [b'"', behind @ ..] => return behind,
            [_, _, behind @ ..] => rest = behind,
            _ => break,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn passed(text: &str) -> String {
        let message =
            read(&Bytes::copy_from_slice(text.as_bytes())).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        let text = String::from_utf8(message.text.to_vec()).unwrap();
        // Whatever passes is read by the library as what it is.
        let parsed: rmcp::model::ClientJsonRpcMessage = serde_json::from_str(&text).unwrap();
        if let (Some(request), rmcp::model::ClientJsonRpcMessage::Request(parsed)) = (&message.request, &parsed) {
            let is_custom = matches!(parsed.request, rmcp::model::ClientRequest::CustomRequest(_));
            let listens = request.method == "subscriptions/listen" && !request.states_version;
            assert_eq!(is_custom && !listens, !request.is_served(), "{text}");
        }
        text
    }

    fn refused(text: &str) -> (Value, i64, String) {
        let fault = read(&Bytes::copy_from_slice(text.as_bytes())).expect_err(text);
        let answer: Value = serde_json::from_slice(&fault.answer()).unwrap();
        let message = answer["error"]["message"].as_str().unwrap().to_owned();
        (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap(), message)
    }

    fn request(method: &str, params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)
    }

    #[test]
    fn what_is_as_it_should_be_passes_byte_for_byte() {
        for text in [
            request("tools/call", r#"{"name":"t","arguments":{"a":1e400,"b": [ 1 ],"c":12345678901234567890123}}"#)
                .replace("1e400", "1e300"),
            request("tools/list", r#"{"cursor":null}"#),
            request("ping", "{}"),
            request("no/such/method", r#"{"x":[]}"#),
            request(
                "initialize",
                r#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{},"url":{}}},"clientInfo":{"name":"c","version":"1"}}"#,
            ),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
            r#" {"jsonrpc":"2.0","id":"x","result":{}} "#.to_owned(),
        ] {
            assert_eq!(passed(&text), text);
        }
        let marked = format!("\u{feff}{}", request("ping", "{}"));
        assert_eq!(passed(&marked), request("ping", "{}"));
    }

    #[test]
    fn an_empty_list_or_null_where_an_object_belongs_is_an_object_left_out() {
        for nothing in ["null", "[]", "[ ]"] {
            assert!(!passed(&request("tools/list", nothing)).contains("params"));
            let call =
                passed(&request("tools/call", &format!(r#"{{"name":"t","arguments":{nothing},"_meta":{nothing}}}"#)));
            let call: Value = serde_json::from_str(&call).unwrap();
            assert_eq!(call["params"], json!({"name": "t"}), "{nothing}");
            let hello =
                request("initialize", &format!(r#"{{"protocolVersion":"2025-11-25","capabilities":{nothing}}}"#));
            let hello: Value = serde_json::from_str(&passed(&hello)).unwrap();
            assert_eq!(hello["params"]["capabilities"], json!({}));
        }
    }

    #[test]
    fn what_only_informs_is_read_leniently() {
        let hello = |capabilities: &str, info: &str| -> Value {
            let text = request(
                "initialize",
                &format!(r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"clientInfo":{info}}}"#),
            );
            serde_json::from_str::<Value>(&passed(&text)).unwrap()["params"].clone()
        };
        let plain = r#"{"name":"c","version":"1"}"#;
        assert_eq!(hello("{}", r#"{"name":"c"}"#)["clientInfo"], json!({"name": "c", "version": ""}));
        assert_eq!(hello("{}", r#"{"name":7,"version":1.5}"#)["clientInfo"], json!({"name": "7", "version": "1.5"}));
        assert_eq!(hello("{}", "\"c\"")["clientInfo"], json!({"name": "", "version": ""}));
        let icons = r#"{"name":"c","version":"1","icons":[{"src":"https://x.example/i.png","sizes":"48x48"}]}"#;
        assert_eq!(hello("{}", icons)["clientInfo"], json!({"name": "c", "version": "1"}));
        let odd = r#"{"experimental":{"x":true,"y":{"z":1}},"elicitation":{"url":[]},"roots":7,"new":{"a":[1]}}"#;
        let kept = hello(odd, plain)["capabilities"].clone();
        assert_eq!(kept["elicitation"], json!({"url": {}}));
        assert_eq!(kept["experimental"], json!({"y": {"z": 1}}));
        assert!(kept.get("roots").is_none(), "{kept}");
    }

    #[test]
    fn what_a_request_says_of_its_client_since_2026_07_28_is_read_leniently_too() {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"experimental":{"x":true}},"io.modelcontextprotocol/clientInfo":{"name":"c"}}"#;
        let text =
            passed(&request("tools/call", &format!(r#"{{"name":"t","arguments":{{"a":1.50}},"_meta":{meta}}}"#)));
        assert!(text.contains(r#""arguments":{"a":1.50}"#), "{text}");
        let params = serde_json::from_str::<Value>(&text).unwrap()["params"].clone();
        assert_eq!(params["_meta"]["io.modelcontextprotocol/clientInfo"], json!({"name": "c", "version": ""}));
        assert_eq!(params["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({"experimental": {}}));
    }

    #[test]
    fn broken_json_is_a_parse_error_and_other_json_no_request() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(200), "1");
        for text in ["", "{", "nul", r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#, "{\"a\":\"\u{1}\"}", &deep] {
            let (id, code, message) = refused(text);
            assert_eq!((id, code), (Value::Null, -32_700), "{text}: {message}");
        }
        for (text, word) in [
            ("[]", "batches"),
            ("null", "object"),
            ("7", "object"),
            ("{}", "`jsonrpc`"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "`jsonrpc`"),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, "`id`"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "`id`"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "`id`"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "`method`"),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, "`id` twice"),
        ] {
            let (id, code, message) = refused(text);
            assert_eq!((id, code), (Value::Null, -32_600), "{text}");
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn unreadable_parameters_are_refused_with_place_and_reason() {
        for (method, params, words) in [
            ("tools/call", "[1]", "`params` must be an object and is a list"),
            ("tools/call", "\"x\"", "`params` must be an object and is a text: write the object itself"),
            ("tools/call", "{}", "`params.name` is missing"),
            ("tools/call", r#"{"name":7}"#, "`params.name` must be a text and is a number"),
            ("tools/call", r#"{"name":"t","name":"u"}"#, "`params` gives `name` twice"),
            ("tools/call", r#"{"name":"t","arguments":"{}"}"#, "`params.arguments` must be an object and is a text"),
            ("tools/call", r#"{"name":"t","arguments":[1]}"#, "`params.arguments` must be an object and is a list"),
            ("tools/call", r#"{"name":"t","arguments":{"a":1,"a":2}}"#, "the arguments give `a` twice"),
            ("tools/call", r#"{"name":"t","requestState":{}}"#, "`params.requestState` must be a text"),
            ("tools/call", r#"{"name":"t","inputResponses":[1]}"#, "`params.inputResponses` must be an object"),
            ("tools/call", r#"{"name":"t","_meta":7}"#, "`params._meta` must be an object and is a number"),
            ("tools/list", r#"{"cursor":1}"#, "`params.cursor` must be a text and is a number"),
            ("initialize", "{}", "`params.protocolVersion` is missing"),
            ("initialize", r#"{"protocolVersion":1}"#, "`params.protocolVersion` must be a text"),
            (
                "initialize",
                r#"{"protocolVersion":"1","capabilities":"all"}"#,
                "`params.capabilities` must be an object",
            ),
            (
                "subscriptions/listen",
                r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"notifications":{"toolsListChanged":"yes"}}"#,
                "`params.notifications`: invalid type",
            ),
        ] {
            let (id, code, message) = refused(&request(method, params));
            assert_eq!((id, code), (json!(7), -32_602), "{method} {params}");
            assert!(message.contains(words), "{method} {params}: {message}");
        }
        // What is not served stays unknown, whatever stands in it.
        for params in ["[1]", "\"x\"", r#"{"_meta":7}"#] {
            passed(&request("no/such/method", params));
        }
        // Neither is there a handshake for a client that states a version with each request.
        passed(&request("initialize", r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#));
    }

    #[test]
    fn a_message_is_looked_at_in_steps_that_grow_as_it_does() {
        let counted = |n: usize| {
            let text = request("tools/call", &format!(r#"{{"name":"t","arguments":{{"a":[{}1]}}}}"#, "[],".repeat(n)));
            steps::counted(|| read(&Bytes::from(text)).map(drop).unwrap()).1
        };
        steps::assert_linear(counted, 1_000);
    }
}

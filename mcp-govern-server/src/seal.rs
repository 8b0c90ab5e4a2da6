//! Texts that go out to clients and come back: cursors, states, links. Sealed, so that they come back as they went out, to the one
//! for whom they were made, in their time.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_govern_core::Secret;
use rmcp::model::{RequestStateCodec, SealOptions};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ServerError, error::ServerErrorKind};

/// What a sealed text is for: one of one kind is never taken for one of another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Cursor,
    RequestState,
    Link,
    Visitor,
    Session,
}

/// Seals and opens with HMAC-SHA-256 under the server's key. A person who holds a sealed value can read it: put nothing personal in.
#[derive(Clone)]
pub(crate) struct Sealer(RequestStateCodec);

impl Sealer {
    /// Under a key of at least 32 bytes, the same on every node; under a random one where none is given.
    pub(crate) fn new(key: Option<&Secret>) -> Result<Self, ServerError> {
        let bytes = match key {
            Some(key) => key.expose().as_bytes().to_vec(),
            None => random_bytes::<32>()?.to_vec(),
        };
        let codec = RequestStateCodec::try_new(bytes)
            .map_err(|error| ServerError::caused(ServerErrorKind::Config, "the state key is unfit", error))?;
        Ok(Self(codec))
    }

    /// Seals a value for one caller: `parts` must be given again to open it.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        parts: &[&str],
        ttl: Duration,
        value: &impl Serialize,
    ) -> Option<String> {
        let bound = bound(purpose, parts);
        self.0.seal_json_with(value, &SealOptions::new().associated_data(&bound).ttl(ttl)).ok()
    }

    /// Opens what was sealed for the same purpose and parts, in its time.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: Purpose, parts: &[&str], sealed: &str) -> Option<T> {
        self.0.open_json_with(sealed, &bound(purpose, parts)).ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

/// Purpose and parts as bytes, each with its length before it: no two lists give the same bytes.
fn bound(purpose: Purpose, parts: &[&str]) -> Vec<u8> {
    let name = match purpose {
        Purpose::Cursor => "cursor",
        Purpose::RequestState => "request-state",
        Purpose::Link => "link",
        Purpose::Visitor => "visitor",
        Purpose::Session => "session",
    };
    let mut bytes = Vec::new();
    for part in [name].iter().chain(parts) {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Random bytes that cannot be guessed.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], ServerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        ServerError::caused(ServerErrorKind::System, "the operating system gives no random bytes", error)
    })?;
    Ok(bytes)
}

/// 256 random bits as text that may stand in a URL.
pub(crate) fn random_text() -> Result<String, ServerError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_sealed_text_opens_for_the_same_purpose_and_parts_alone() {
        let sealer = Sealer::new(None).unwrap();
        let text = sealer.seal(Purpose::Cursor, &["ada", "x"], HOUR, &"value").unwrap();
        let open = |purpose, parts: &[&str]| sealer.open::<String>(purpose, parts, &text);
        assert_eq!(open(Purpose::Cursor, &["ada", "x"]).as_deref(), Some("value"));
        assert!(open(Purpose::Link, &["ada", "x"]).is_none());
        assert!(open(Purpose::Cursor, &["adax", ""]).is_none());
        assert!(open(Purpose::Cursor, &["ada"]).is_none());
        assert!(open(Purpose::Cursor, &["bob", "x"]).is_none());
    }

    #[test]
    fn another_key_a_changed_text_and_a_passed_time_do_not_open() {
        let (sealer, other) = (Sealer::new(None).unwrap(), Sealer::new(None).unwrap());
        let text = sealer.seal(Purpose::Link, &[], HOUR, &1).unwrap();
        assert!(other.open::<u8>(Purpose::Link, &[], &text).is_none());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of a base64 text may have bits that do not count.
            if changed != text && at + 1 < text.len() {
                assert!(sealer.open::<u8>(Purpose::Link, &[], &changed).is_none(), "changed at {at}");
            }
        }
        let past = sealer.seal(Purpose::Link, &[], Duration::ZERO, &1).unwrap();
        // It is good for the millisecond in which it was made.
        let millisecond = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let made = millisecond();
        while millisecond() <= made {
            std::hint::spin_loop();
        }
        assert!(sealer.open::<u8>(Purpose::Link, &[], &past).is_none());
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        assert!(Sealer::new(Some(&Secret::new("short"))).is_err());
        let sealer = Sealer::new(Some(&Secret::new("a-canary-key-of-thirty-two-bytes!"))).unwrap();
        assert!(!format!("{sealer:?}").contains("canary"));
    }
}

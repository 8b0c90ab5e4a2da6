//! Random bytes from the operating system, for ids that a caller did not choose.

use std::{fmt::Write as _, sync::Arc};

/// The operating system gave no random bytes. Nothing was changed; try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes: {reason}")]
pub struct RandomError {
    reason: String,
}

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| RandomError { reason: error.to_string() })?;
    Ok(bytes)
}

/// `<kind>-<32 hexadecimal digits>`.
pub(crate) fn slug(kind: &str) -> Result<Arc<str>, RandomError> {
    let mut text = String::with_capacity(kind.len() + 33);
    text.push_str(kind);
    text.push('-');
    for byte in bytes::<16>()? {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Arc::from(text))
}

//! How people and callers are named in records.

/// Whether records hold readable names of people beside their salted hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadableNames {
    /// Hashes alone: forgetting the key, or the link between a person and a hash, forgets the person and keeps the chain.
    #[default]
    Omitted,
    /// Issuer and subject, and whom a person's own credential is authorised as, stand in the records in clear text.
    Recorded,
}

/// A text that a caller chose, fit for a record: at most 128 characters, control characters and look-invisible ones escaped.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().take(128).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_cut_and_escaped() {
        let text = escaped(&format!("a\r\n\u{202e}{}", "x".repeat(500)));
        assert!(text.starts_with("a\\r\\n\\u{202e}"), "{text}");
        assert!(!text.contains('\n') && text.len() < 200);
    }
}

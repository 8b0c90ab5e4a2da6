//! Errors in one line.

use std::error::Error;

/// An error with what caused it, as far as that is not said already: `outer: inner: innermost`.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{StoreError, StoreErrorKind};

    #[test]
    fn a_cause_is_told_once() {
        let error = |text: &str| StoreError::new(StoreErrorKind::Unavailable, text);
        let told = error("reading failed: locked").with_source(error("locked").with_source(error("by another")));
        assert_eq!(with_causes(&told), "reading failed: locked: by another");
        assert_eq!(with_causes(&error("alone")), "alone");
    }
}

//! What is wrong with a document.

use std::fmt;

/// What kind of fault a document has. Each kind says what its author should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DocumentErrorKind {
    /// A file could not be read or written: look at the path and its permissions.
    File,
    /// The text is not JSON or YAML: correct the place that the message names.
    Syntax,
    /// The document says something that is wrong or that this crate cannot honour: correct the operations named.
    Content,
    /// A recipe does not fit the document: correct the recipe.
    Recipe,
}

/// One fault, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Where: the operation with its method, path and file, or a part of the document such as `servers`.
    pub place: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A document that cannot be used, with every fault that was found (at most one per operation).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    kind: DocumentErrorKind,
    faults: Vec<Fault>,
}

impl DocumentError {
    pub(crate) fn new(kind: DocumentErrorKind, faults: Vec<Fault>) -> Self {
        Self { kind, faults }
    }

    pub(crate) fn one(kind: DocumentErrorKind, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(kind, vec![Fault { place: place.into(), message: message.into() }])
    }

    /// What kind of fault it is.
    pub fn kind(&self) -> DocumentErrorKind {
        self.kind
    }

    /// The faults, in the order of the document; never empty.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [fault] = self.faults.as_slice() {
            return fmt::Display::fmt(fault, f);
        }
        write!(f, "the document has {} faults", self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_one_line_and_several_are_a_list() {
        let one = DocumentError::one(DocumentErrorKind::Content, "GET /a", "no");
        assert_eq!(one.to_string(), "GET /a: no");
        let fault = one.faults()[0].clone();
        let two = DocumentError::new(DocumentErrorKind::Content, vec![fault.clone(), fault]);
        assert_eq!(two.to_string(), "the document has 2 faults\n  GET /a: no\n  GET /a: no");
    }
}

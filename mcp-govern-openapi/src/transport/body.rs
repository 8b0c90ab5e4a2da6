//! The body of an answer, read piece by piece.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::TransportError;

/// Gives the pieces of a body one after the other.
#[async_trait]
pub trait BodySource: Send {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body broke off.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// The body of an answer.
pub struct BodyStream(Inner);

enum Inner {
    Whole(Option<Bytes>),
    Pieces(Box<dyn BodySource>),
}

impl BodyStream {
    /// A body that is there already.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Whole(Some(bytes.into())))
    }

    /// A body that is still to come.
    pub fn pieces(source: impl BodySource + 'static) -> Self {
        Self(Inner::Pieces(Box::new(source)))
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body broke off.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match &mut self.0 {
            Inner::Whole(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
            Inner::Pieces(source) => source.next_chunk().await,
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream(…)")
    }
}

//! The body of an answer, read piece by piece.

use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::TransportError;

/// Gives the pieces of a body one after the other.
///
/// # Contract
///
/// As of a [`Future`]: code that answers [`Poll::Pending`] wakes the task of the context when there is more.
pub trait BodySource: Send {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body broke off.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>>;
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
            Inner::Pieces(source) => poll_fn(|cx| source.poll_chunk(cx)).await,
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream(…)")
    }
}

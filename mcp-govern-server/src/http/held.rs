//! A body that holds something until it was sent.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// An answer's body together with what is given back when it was sent or dropped.
#[derive(Debug)]
pub(crate) struct Held<S> {
    body: Body,
    _share: S,
}

impl<S: Send + Unpin + 'static> Held<S> {
    pub(crate) fn body(body: Body, share: S) -> Body {
        Body::new(Self { body, _share: share })
    }
}

impl<S: Unpin> HttpBody for Held<S> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! What answers requests.

use std::convert::Infallible;

use axum::{extract::Request, response::Response};
use tower::Service;

/// A service that a route can lead to.
pub(crate) trait Answers:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Answers for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

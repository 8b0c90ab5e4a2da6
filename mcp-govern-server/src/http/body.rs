//! Reading a request's body, within bounds of size and time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) patience: Duration,
}

/// The whole body; an answer where it is too long, comes too slowly or breaks off.
pub(crate) async fn read_body(body: Body, limits: BodyLimits) -> Result<Bytes, Response> {
    let announced = body.size_hint().lower();
    if announced > u64::try_from(limits.bytes).unwrap_or(u64::MAX) {
        return Err(too_long(limits));
    }
    match tokio::time::timeout(limits.patience, Limited::new(body, limits.bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_long(limits)),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body broke off").into_response()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body came too slowly").into_response()),
    }
}

fn too_long(limits: BodyLimits) -> Response {
    let message = format!("the body is longer than {} bytes", limits.bytes);
    (StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes: 10, patience: Duration::from_millis(10) };

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        assert_eq!(read_body(Body::from("0123456789"), LIMITS).await.unwrap(), &b"0123456789"[..]);
        let response = read_body(Body::from("0123456789a"), LIMITS).await.unwrap_err();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let response = read_body(Body::new(Never), LIMITS).await.unwrap_err();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    }

    /// A body that neither comes nor ends.
    struct Never;

    impl HttpBody for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }
    }
}

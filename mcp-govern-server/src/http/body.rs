//! Reading a request's body, within bounds of size and time.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mcp_govern_core::UserId;

use crate::shares::{Share, Shares};

/// How long a body waits for room before its request is refused.
const WAIT: Duration = Duration::from_secs(5);

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) timeout: Duration,
}

/// Room for the bodies of all requests that are under way, a part of it for each person.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    limits: BodyLimits,
    bytes: Arc<Shares<UserId>>,
}

impl BodyRoom {
    /// Room for so many bytes in all. One person may have a quarter of them, and one body in any case.
    pub(crate) fn new(limits: BodyLimits, all: usize) -> Self {
        Self { limits, bytes: Shares::new(all, (all / 4).max(limits.bytes)) }
    }

    /// The whole body, and the room that it takes until that is dropped. An answer where there is no room, or the body cannot be read.
    pub(crate) async fn read(&self, user: &UserId, body: Body) -> Result<(Bytes, Share<UserId>), Response> {
        let hint = body.size_hint();
        // What is not announced may become as long as is allowed.
        let most = hint.exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(self.limits.bytes);
        if most > self.limits.bytes {
            return Err(too_long(self.limits));
        }
        let Some(share) = self.bytes.take_within(user, most, WAIT).await else { return Err(no_room()) };
        Ok((read_body(body, self.limits).await?, share))
    }
}

fn no_room() -> Response {
    let message = "too many bodies of requests are under way; try again when some of them were answered";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], message).into_response()
}

/// The whole body; an answer where it is too long, comes too slowly or breaks off.
pub(crate) async fn read_body(body: Body, limits: BodyLimits) -> Result<Bytes, Response> {
    let announced = body.size_hint().lower();
    if announced > u64::try_from(limits.bytes).unwrap_or(u64::MAX) {
        return Err(too_long(limits));
    }
    match tokio::time::timeout(limits.timeout, Limited::new(body, limits.bytes).collect()).await {
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

    const LIMITS: BodyLimits = BodyLimits { bytes: 10, timeout: Duration::from_millis(10) };

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

    #[tokio::test(start_paused = true)]
    async fn bodies_under_way_are_bounded_in_all_and_for_each_person() {
        let room = BodyRoom::new(LIMITS, 40);
        let user = |name: &str| UserId::new("idp", name).unwrap();
        let body = || Body::from("0123456789");
        let own = room.read(&user("ada"), body()).await.unwrap();
        let refused = room.read(&user("ada"), body()).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        let mut others = Vec::new();
        for name in ["bob", "eve", "joe"] {
            others.push(room.read(&user(name), body()).await.unwrap());
        }
        assert_eq!(room.read(&user("zoe"), body()).await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        // A short body needs little room, and one of unknown length as much as it may become.
        drop(own);
        let long = room.read(&user("zoe"), Body::new(Never)).await.unwrap_err();
        assert_eq!(long.status(), StatusCode::REQUEST_TIMEOUT);
        let _short = room.read(&user("ada"), Body::from("1")).await.unwrap();
        assert_eq!(
            room.read(&user("zoe"), Body::new(Never)).await.unwrap_err().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
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

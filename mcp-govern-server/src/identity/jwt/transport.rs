//! Reading an issuer's documents through the transport that vendor requests take.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::body::Bytes;
use http::{Request, StatusCode, header};
use mcp_govern_openapi::Transport;
use url::Url;

use super::{FetchJwks, FetchJwksError};

/// The longest document that is read.
const LONGEST: usize = 1 << 20;

/// Told to the transport; the caller gives up at the same time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads an issuer's documents through a [`Transport`]: the same proxies, certificate authorities and client certificates as for
/// vendors. With the feature `transport`.
#[derive(Debug, Clone)]
pub struct TransportJwks(Arc<dyn Transport>);

impl TransportJwks {
    /// Through this transport, for example a `ReqwestTransport`.
    pub fn new(transport: impl Transport) -> Self {
        Self(Arc::new(transport))
    }
}

#[async_trait]
impl FetchJwks for TransportJwks {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchJwksError> {
        let failed = |what: &dyn std::fmt::Display| FetchJwksError::new(format!("`{url}` cannot be read: {what}"));
        let request = Request::get(url.as_str())
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| failed(&error))?;
        let answer = self.0.send(request, Instant::now() + TIMEOUT).await.map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(failed(&format_args!("the answer's status is {}", answer.status())));
        }
        let (mut body, mut document) = (answer.into_body(), Vec::new());
        while let Some(piece) = body.next_chunk().await.map_err(|error| failed(&error))? {
            if document.len().saturating_add(piece.len()) > LONGEST {
                return Err(failed(&format_args!("it is longer than {LONGEST} bytes")));
            }
            document.extend_from_slice(&piece);
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use mcp_govern_openapi::{BodyStream, TransportError};

    use super::*;

    #[derive(Debug)]
    struct Answers(StatusCode, usize);

    #[async_trait]
    impl Transport for Answers {
        async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<BodyStream>, TransportError> {
            if request.uri().path() == "/down" {
                return Err(TransportError::not_sent("no connection"));
            }
            let body = BodyStream::whole(vec![b'x'; self.1]);
            Ok(Response::builder().status(self.0).body(body).unwrap())
        }
    }

    #[tokio::test]
    async fn only_a_good_answer_of_a_fair_size_is_a_document() {
        let fetch = async |status: u16, length: usize, path: &str| {
            let answers = Answers(StatusCode::from_u16(status).unwrap(), length);
            TransportJwks::new(answers).fetch(&format!("https://id.example.com{path}").parse().unwrap()).await
        };
        assert_eq!(fetch(200, 3, "/keys").await.unwrap(), b"xxx");
        assert!(fetch(200, LONGEST, "/keys").await.is_ok());
        assert!(fetch(200, LONGEST + 1, "/keys").await.is_err());
        for status in [204, 301, 302, 404, 500] {
            assert!(fetch(status, 3, "/keys").await.is_err(), "{status}");
        }
        assert!(fetch(200, 3, "/down").await.unwrap_err().to_string().contains("no connection"));
    }
}

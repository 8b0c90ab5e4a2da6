//! The body of an answer, read within bounds.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};

use crate::transport::{BodyStream, TransportError};

/// What to do with a body that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// Half a result is none.
    Refuse,
    /// The beginning is enough.
    Cut,
}

#[derive(Debug)]
pub(crate) enum ReadFault {
    TooLarge,
    Broken(TransportError),
}

/// Reads a body of at most `cap` bytes. What announces itself as longer is refused before a byte of it is read.
pub(crate) async fn read_body(
    body: &mut BodyStream,
    headers: &HeaderMap,
    cap: usize,
    overflow: Overflow,
) -> Result<Bytes, ReadFault> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if overflow == Overflow::Refuse && announced.is_some_and(|length| usize::try_from(length).is_ok_and(|n| n > cap)) {
        return Err(ReadFault::TooLarge);
    }
    let Some(first) = body.next_chunk().await.map_err(ReadFault::Broken)? else { return Ok(Bytes::new()) };
    let Some(second) = next(body, first.len(), cap).await? else { return bounded(first, cap, overflow) };
    let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(first.len() + second.len());
    let mut whole = BytesMut::with_capacity(expected.min(cap).max(first.len()));
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > cap {
            if overflow == Overflow::Refuse {
                return Err(ReadFault::TooLarge);
            }
            whole.extend(bytes.iter().take(cap - whole.len()));
            break;
        }
        whole.extend_from_slice(&bytes);
        piece = next(body, whole.len(), cap).await?;
    }
    Ok(whole.freeze())
}

/// The next piece, unless there is enough already.
async fn next(body: &mut BodyStream, have: usize, cap: usize) -> Result<Option<Bytes>, ReadFault> {
    if have > cap {
        return Ok(None);
    }
    body.next_chunk().await.map_err(ReadFault::Broken)
}

fn bounded(mut bytes: Bytes, cap: usize, overflow: Overflow) -> Result<Bytes, ReadFault> {
    if bytes.len() > cap {
        if overflow == Overflow::Refuse {
            return Err(ReadFault::TooLarge);
        }
        bytes.truncate(cap);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;
    use http::HeaderValue;

    use super::*;
    use crate::transport::BodySource;

    /// Never ends; counts what was taken from it.
    struct Endless(usize, Arc<AtomicUsize>);

    #[async_trait]
    impl BodySource for Endless {
        async fn next_chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
            self.1.fetch_add(self.0, Ordering::Relaxed);
            Ok(Some(Bytes::from(vec![b'x'; self.0])))
        }
    }

    async fn read(
        chunk: usize,
        cap: usize,
        overflow: Overflow,
        length: Option<&'static str>,
    ) -> (Option<usize>, usize) {
        let taken = Arc::new(AtomicUsize::new(0));
        let mut body = BodyStream::pieces(Endless(chunk, taken.clone()));
        let headers = length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from_static(length)));
        let headers = headers.into_iter().collect();
        let bytes = read_body(&mut body, &headers, cap, overflow).await.ok().map(|bytes| bytes.len());
        (bytes, taken.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn an_endless_body_is_left_as_soon_as_it_is_too_long() {
        for chunk in [1, 7, 1_000, 5_000] {
            let (bytes, taken) = read(chunk, 1_000, Overflow::Refuse, None).await;
            assert_eq!(bytes, None);
            assert!(taken <= 1_000 + 2 * chunk, "{taken} bytes were taken in pieces of {chunk}");
            let (bytes, taken) = read(chunk, 1_000, Overflow::Cut, None).await;
            assert_eq!(bytes, Some(1_000));
            assert!(taken <= 1_000 + 2 * chunk);
        }
    }

    #[tokio::test]
    async fn what_announces_itself_as_too_long_is_not_read_at_all() {
        assert_eq!(read(10, 1_000, Overflow::Refuse, Some("100000000")).await, (None, 0));
        let (bytes, _) = read(10, 1_000, Overflow::Refuse, Some("99999999999999999999999999")).await;
        assert_eq!(bytes, None);
    }

    #[tokio::test]
    async fn a_whole_body_is_read_without_being_copied_together() {
        let mut body = BodyStream::whole("hello");
        let bytes = read_body(&mut body, &HeaderMap::new(), 5, Overflow::Refuse).await.unwrap();
        assert_eq!(bytes, "hello");
        let mut body = BodyStream::whole("hello!");
        assert!(read_body(&mut body, &HeaderMap::new(), 5, Overflow::Refuse).await.is_err());
    }
}

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
    let room = announced.and_then(|length| usize::try_from(length).ok()).map_or(0, |length| length.min(cap));
    let mut read = Read::One(Bytes::new());
    while let Some(mut piece) = body.next_chunk().await.map_err(ReadFault::Broken)? {
        let left = cap - read.len();
        if piece.len() > left {
            if overflow == Overflow::Refuse {
                return Err(ReadFault::TooLarge);
            }
            piece.truncate(left);
            read.push(piece, room);
            break;
        }
        read.push(piece, room);
    }
    Ok(read.finish())
}

/// What was read so far. Most bodies come in one piece, which is not copied.
enum Read {
    One(Bytes),
    Many(BytesMut),
}

impl Read {
    fn len(&self) -> usize {
        match self {
            Self::One(piece) => piece.len(),
            Self::Many(whole) => whole.len(),
        }
    }

    fn push(&mut self, piece: Bytes, room: usize) {
        match self {
            Self::One(first) if first.is_empty() => *first = piece,
            Self::One(first) => {
                let mut whole = BytesMut::with_capacity(room.max(first.len() + piece.len()));
                whole.extend_from_slice(first);
                whole.extend_from_slice(&piece);
                *self = Self::Many(whole);
            }
            Self::Many(whole) => whole.extend_from_slice(&piece),
        }
    }

    fn finish(self) -> Bytes {
        match self {
            Self::One(piece) => piece,
            Self::Many(whole) => whole.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
    };

    use http::HeaderValue;

    use super::*;
    use crate::transport::BodySource;

    /// Never ends; counts what was taken from it.
    struct Endless(usize, Arc<AtomicUsize>);

    impl BodySource for Endless {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
            self.1.fetch_add(self.0, Ordering::Relaxed);
            Poll::Ready(Ok(Some(Bytes::from(vec![b'x'; self.0]))))
        }
    }

    struct Listed(VecDeque<&'static str>);

    impl BodySource for Listed {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
            Poll::Ready(Ok(self.0.pop_front().map(Bytes::from)))
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
    async fn the_pieces_of_a_body_are_put_together_in_their_order() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from_static("5"))]);
        for pieces in [&["hello"][..], &["", "hel", "lo"], &["h", "", "e", "llo", ""]] {
            for (cap, overflow, whole) in
                [(5, Overflow::Refuse, Some("hello")), (4, Overflow::Refuse, None), (4, Overflow::Cut, Some("hell"))]
            {
                for headers in [&headers, &HeaderMap::new()] {
                    let mut body = BodyStream::pieces(Listed(pieces.iter().copied().collect()));
                    let bytes = read_body(&mut body, headers, cap, overflow).await.ok();
                    assert_eq!(bytes.as_deref(), whole.map(str::as_bytes), "{pieces:?}, at most {cap} bytes");
                }
            }
        }
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

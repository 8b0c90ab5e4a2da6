//! A server that answers below HTTP's rules, for what a well-behaved mock cannot play.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// What a [`RawServer`] does with every connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Behaviour {
    /// A right head, then a chunked JSON body that never ends.
    EndlessBody,
    /// Headers without end.
    EndlessHeaders,
    /// A right head, then one byte of the body at a time with this pause, without end.
    SlowLoris(Duration),
    /// The head itself comes one byte at a time with this pause, and never ends.
    SlowHead(Duration),
    /// A head that promises a body, then the connection is closed.
    CutAfterHeaders,
    /// Half of the promised body, then the connection is closed.
    CutMidBody,
    /// The request is read; no byte ever comes back.
    NeverAnswers,
    /// A whole JSON body (one long string) of exactly so many bytes, at least two.
    HugeBody(u64),
    /// A first line that is no HTTP.
    GarbageStatusLine,
    /// The connection is accepted and closed at once.
    CloseImmediately,
    /// The connection is accepted; nothing is read and nothing is written.
    ConnectThenSilent,
    /// Exactly these bytes once the request's head is read, then the connection is closed.
    Bytes(Vec<u8>),
}

/// A raw TCP server on a loopback port. It stops, and drops its connections, when it is dropped.
#[derive(Debug)]
pub struct RawServer {
    address: SocketAddr,
    base: Url,
    record: Arc<Record>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Record {
    connections: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl RawServer {
    /// Listens on a free loopback port; must be called inside a tokio runtime with time and IO enabled.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start(behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let base = Url::parse(&format!("http://{address}")).map_err(io::Error::other)?;
        let record = Arc::new(Record::default());
        let task = tokio::spawn(serve(listener, behaviour, Arc::clone(&record)));
        Ok(Self { address, base, record, task })
    }

    /// The address that takes the place of a vendor's, `http://127.0.0.1:PORT/`.
    pub fn base_url(&self) -> Url {
        self.base.clone()
    }

    /// The socket address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    /// The heads of the requests that were read (first line and headers, as they were sent).
    pub fn heads(&self) -> Vec<String> {
        self.record.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts until the server is dropped; the set of connections ends with it.
async fn serve(listener: TcpListener, behaviour: Behaviour, record: Arc<Record>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                record.connections.fetch_add(1, Ordering::SeqCst);
                let (behaviour, record) = (behaviour.clone(), Arc::clone(&record));
                // The other side closes when it has had enough: an error here is the expected end.
                open.spawn(async move { drop(Box::pin(play(stream, &behaviour, &record)).await) });
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn play(mut stream: TcpStream, behaviour: &Behaviour, record: &Record) -> io::Result<()> {
    match behaviour {
        Behaviour::CloseImmediately => return Ok(()),
        Behaviour::ConnectThenSilent => return std::future::pending().await,
        _ => {}
    }
    let head = read_head(&mut stream).await?;
    record.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    answer(&mut stream, behaviour).await?;
    stream.shutdown().await?;
    // A socket closed over unread input resets the connection and takes the answer with it.
    let mut rest = [0_u8; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn answer(stream: &mut TcpStream, behaviour: &Behaviour) -> io::Result<()> {
    match behaviour {
        Behaviour::EndlessBody => {
            stream.write_all(CHUNKED_HEAD).await?;
            let chunk = chunk_of(&[b'a'; 4096]);
            stream.write_all(&chunk_of(b"[\"")).await?;
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Behaviour::EndlessHeaders => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await?;
            }
        }
        Behaviour::SlowLoris(pause) => {
            stream.write_all(CHUNKED_HEAD).await?;
            trickle(stream, &chunk_of(b" "), *pause).await
        }
        Behaviour::SlowHead(pause) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").await?;
            trickle(stream, b"a", *pause).await
        }
        Behaviour::CutAfterHeaders => stream.write_all(&sized_head(1000)).await,
        Behaviour::CutMidBody => {
            stream.write_all(&sized_head(1000)).await?;
            stream.write_all(format!("[\"{}", "a".repeat(498)).as_bytes()).await
        }
        Behaviour::HugeBody(size) => huge_body(stream, *size).await,
        Behaviour::GarbageStatusLine => stream.write_all(b"\x16\x03\x01 this is no status line\r\n\r\n").await,
        Behaviour::Bytes(bytes) => stream.write_all(bytes).await,
        Behaviour::NeverAnswers | Behaviour::CloseImmediately | Behaviour::ConnectThenSilent => {
            std::future::pending().await
        }
    }
}

const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

fn sized_head(size: u64) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n").into_bytes()
}

fn chunk_of(content: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", content.len()).into_bytes();
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

async fn trickle(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(bytes).await?;
        stream.flush().await?;
        tokio::time::sleep(pause).await;
    }
}

async fn huge_body(stream: &mut TcpStream, size: u64) -> io::Result<()> {
    stream.write_all(&sized_head(size.max(2))).await?;
    stream.write_all(b"\"").await?;
    let filler = vec![b'a'; 16 * 1024];
    let mut left = size.saturating_sub(2);
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(filler.len());
        stream.write_all(filler.get(..now).unwrap_or_default()).await?;
        left = left.saturating_sub(u64::try_from(now).unwrap_or(left));
    }
    stream.write_all(b"\"").await
}

/// Reads up to the blank line; a body that follows is left in the socket.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 || head.len() > 1024 * 1024 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&head);
    Ok(text.split("\r\n\r\n").next().unwrap_or_default().to_owned())
}

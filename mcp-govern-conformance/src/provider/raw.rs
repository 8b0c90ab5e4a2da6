//! A vendor that misbehaves on the wire.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the vendor does once it has read a request's head.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Nothing, for ever.
    Silence,
    /// Exactly these bytes, then the connection ends.
    Bytes(&'static [u8]),
    /// These bytes, then filler without end.
    Endless(&'static [u8]),
}

/// A server on loopback that gives the same answer to everybody. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct RawVendor {
    port: u16,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl RawVendor {
    pub(super) async fn start(answer: Answer) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, Arc::clone(&counter)));
            }
        });
        Ok(Self { port, requests, task })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for RawVendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, requests: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 && head.len() < 1 << 20 => {
                head.extend_from_slice(buffer.get(..read).unwrap_or(&[]));
            }
            _ => return,
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    match answer {
        Answer::Silence => std::future::pending().await,
        Answer::Bytes(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Endless(bytes) => {
            let mut sent = stream.write_all(bytes).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 16 * 1024]).await;
            }
        }
    }
}

//! One client on one connection, a message a line.

use std::{future::Future, io};

use rmcp::{RoleServer, model::ClientJsonRpcMessage, service::TxJsonRpcMessage, transport::Transport};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Unreadable, read};

/// The longest line that is read, in bytes.
const LONGEST: usize = 16 << 20;
/// How much memory is kept for the next line.
const KEPT: usize = 1 << 20;
/// How many lines wait to be read or written.
const WAITING: usize = 64;

/// A line on its way out, and whom to tell that it went.
type Outgoing = (Vec<u8>, oneshot::Sender<io::Result<()>>);

/// The transport of a connection. What cannot be read is answered here and never reaches the protocol.
#[derive(Debug)]
pub(crate) struct Pipe {
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
    out: Option<mpsc::Sender<Outgoing>>,
    reading: JoinHandle<()>,
    writing: Option<JoinHandle<()>>,
}

impl Pipe {
    pub(crate) fn new(
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let (out, lines) = mpsc::channel(WAITING);
        let (sender, messages) = mpsc::channel(WAITING);
        let writing = tokio::spawn(write_lines(output, lines));
        let reading = tokio::spawn(read_lines(BufReader::new(input), sender, out.clone()));
        Self { messages, out: Some(out), reading, writing: Some(writing) }
    }
}

impl Transport<RoleServer> for Pipe {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let out = self.out.clone();
        async move {
            let Some(out) = out else { return Err(closed()) };
            put(&out, serde_json::to_vec(&item)?).await
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.reading.abort();
        self.out = None;
        // What is on its way is written before the connection ends.
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Writes a line, and waits until it was written.
async fn put(out: &mpsc::Sender<Outgoing>, mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    let (told, written) = oneshot::channel();
    out.send((line, told)).await.map_err(|_| closed())?;
    written.await.map_err(|_| closed())?
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection is closed")
}

async fn write_lines(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Outgoing>) {
    while let Some((line, told)) = lines.recv().await {
        let written = async {
            output.write_all(&line).await?;
            output.flush().await
        };
        let written = written.await;
        let broken = written.is_err();
        let _ = told.send(written);
        if broken {
            break;
        }
    }
}

/// One line of the input.
enum Line {
    Whole,
    TooLong,
    End,
}

async fn read_lines(
    mut input: impl AsyncBufRead + Unpin,
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    out: mpsc::Sender<Outgoing>,
) {
    let mut line = Vec::new();
    loop {
        let refused = match next_line(&mut input, &mut line).await {
            Ok(Line::Whole) => match understood(&line) {
                Ok(None) => continue,
                Ok(Some(message)) => {
                    if messages.send(message).await.is_err() {
                        return;
                    }
                    continue;
                }
                Err(unreadable) => unreadable,
            },
            Ok(Line::TooLong) => Unreadable::request(format!("a message is at most {LONGEST} bytes long")),
            Ok(Line::End) => return,
            Err(error) => {
                tracing::warn!(%error, "the input of a connection cannot be read any more");
                return;
            }
        };
        // A notification is answered by nothing (JSON-RPC 2.0, section 4.1).
        if !refused.is_about_a_request() && !refused.is_no_message() {
            tracing::debug!("a notification was not read");
            continue;
        }
        if put(&out, refused.answer().to_vec()).await.is_err() {
            return;
        }
    }
}

/// The message of a line; none where it is blank.
fn understood(line: &[u8]) -> Result<Option<ClientJsonRpcMessage>, Unreadable> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let message = read(&axum::body::Bytes::copy_from_slice(line))?;
    // Before a handshake the library asks a method that does not exist for what is missing in it.
    if let Some(request) = &message.request
        && !request.is_served()
        && !request.states_version
    {
        return Err(Unreadable::method(request.id.clone(), request.method.clone()));
    }
    let id = message.request.map(|request| request.id);
    serde_json::from_slice(&message.text).map(Some).map_err(|error| Unreadable::library(id, &error))
}

async fn next_line(input: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    line.shrink_to(KEPT);
    let most = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    (&mut *input).take(most).read_until(b'\n', line).await?;
    if line.ends_with(b"\n") {
        return Ok(Line::Whole);
    }
    if line.len() <= LONGEST {
        // What does not end with a line's end was broken off.
        return Ok(Line::End);
    }
    loop {
        line.clear();
        let most = u64::try_from(KEPT).unwrap_or(u64::MAX);
        let read = (&mut *input).take(most).read_until(b'\n', line).await?;
        if read == 0 {
            return Ok(Line::End);
        }
        if line.ends_with(b"\n") {
            return Ok(Line::TooLong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_and_the_next_one_is_read() {
        let mut input = vec![b'x'; LONGEST + 5];
        input.extend_from_slice(b"\n{}\nrest");
        let (mut input, mut line) = (&*input, Vec::new());
        assert!(matches!(next_line(&mut input, &mut line).await.unwrap(), Line::TooLong));
        assert!(matches!(next_line(&mut input, &mut line).await.unwrap(), Line::Whole));
        assert_eq!(line, b"{}\n");
        assert!(matches!(next_line(&mut input, &mut line).await.unwrap(), Line::End));
    }
}

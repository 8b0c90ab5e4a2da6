//! A way to the server that can be cut.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// What becomes of connections through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// New connections end at once.
    Closed,
    /// Bytes go nowhere and no answer comes.
    Silent,
}

/// Listens on loopback and passes on to a server's socket.
pub(crate) struct Proxy {
    port: u16,
    target: Arc<Mutex<PathBuf>>,
    way: watch::Sender<(Way, u64)>,
}

impl Proxy {
    pub(crate) async fn to(target: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, way) = (Arc::new(Mutex::new(target)), watch::Sender::new((Way::Open, 0)));
        let (to, seen) = (Arc::clone(&target), way.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = to.lock().unwrap().clone();
                tokio::spawn(pass(client, to, seen.clone()));
            }
        });
        Self { port, target, way }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://mcp@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Cuts every connection; new ones go this way.
    pub(crate) fn cut(&self, way: Way) {
        self.way.send_modify(|(current, cuts)| (*current, *cuts) = (way, *cuts + 1));
    }

    /// Connections that are there fall silent.
    pub(crate) fn silence(&self) {
        self.way.send_modify(|(current, _)| *current = Way::Silent);
    }

    /// New connections go to another server.
    pub(crate) fn redirect(&self, target: PathBuf) {
        *self.target.lock().unwrap() = target;
    }
}

async fn pass(mut client: TcpStream, to: PathBuf, mut way: watch::Receiver<(Way, u64)>) {
    let (began, cuts) = *way.borrow_and_update();
    if began == Way::Closed {
        return;
    }
    let Ok(mut server) = UnixStream::connect(to).await else { return };
    if began == Way::Open {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
            _ = way.wait_for(|(now, later)| *now == Way::Silent || *later != cuts) => {}
        }
    }
    // Silent: held, so that neither side learns of it, until it is cut.
    drop(way.wait_for(|(_, later)| *later != cuts).await);
}

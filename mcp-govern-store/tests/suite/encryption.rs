//! What a server that declines TLS, or that nobody vouches for, is sent.

use std::sync::Arc;

use mcp_govern_core::ports::{StoreError, StoreErrorKind};
use mcp_govern_store::{PostgresOptions, PostgresStores, VaultKeys};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// What a client sends first when it wants TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A server that answers one client's wish for TLS; in the end it says what else it was sent.
async fn server(answer: u8) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 8];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(first, SSL_REQUEST, "it went on without asking for TLS");
        stream.write_all(&[answer]).await.unwrap();
        match answer {
            b'S' => match acceptor().accept(stream).await {
                Ok(encrypted) => sent(encrypted).await,
                Err(_) => Vec::new(),
            },
            _ => sent(stream).await,
        }
    });
    (port, serving)
}

/// The first message of a client; nothing where it goes away.
async fn sent(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut message = vec![0; 4_096];
    let length = stream.read(&mut message).await.unwrap_or(0);
    message.truncate(length);
    message
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn connect(port: u16, mode: &str) -> StoreError {
    let url = format!("postgres://me:canary@127.0.0.1:{port}/d?sslmode={mode}");
    let options = PostgresOptions::new(VaultKeys::generate().unwrap());
    PostgresStores::connect(&url, options).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_declines_encryption_is_sent_nothing() {
    for mode in ["verify-full", "verify-ca", "require"] {
        let (port, serving) = server(b'N').await;
        let error = connect(port, mode).await;
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("encrypted"), "{mode}: {error}");
        assert_eq!(serving.await.unwrap(), b"", "{mode}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_sent_nothing_unless_it_is_not_to_be_verified() {
    for mode in ["verify-full", "verify-ca"] {
        let (port, serving) = server(b'S').await;
        let error = connect(port, mode).await;
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(serving.await.unwrap(), b"", "{mode}: {error}");
    }
    let (port, serving) = server(b'S').await;
    connect(port, "require").await;
    let first = String::from_utf8_lossy(&serving.await.unwrap()).into_owned();
    assert!(first.contains("user") && first.contains("me"), "{first:?}");
}

/// Made for these tests: nobody has signed it but itself.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\n\
MIIBmzCCAUGgAwIBAgIUF6xDeFnc/ZET+JhWr1u6e/xlWJUwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDA3NDc0NFoYDzIxMjYxMTA2\n\
MDc0NzQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAAQerr0umngXdeZWXXqrbqC+ndoRHJN3GYMzOSsplbg0KgarywzwOzAn\n\
6kHzZzLE65cGDv89xIWC5IFzgVH9Ir6bo28wbTAdBgNVHQ4EFgQUsttFefL3v6xi\n\
gbceKiRdUy0krJcwHwYDVR0jBBgwFoAUsttFefL3v6xigbceKiRdUy0krJcwDwYD\n\
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n\
zj0EAwIDSAAwRQIhAKTr+eCr6gtigktVztDufrON/EV2vwsAPtp3/kYxQCyhAiAw\n\
1OcqWxv9ot7lO6KWps0zHo1OpkRnejMkVn2O4+2jCg==\n\
-----END CERTIFICATE-----";

const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8bkpVYuDQ3wcYctw\n\
GEx78LUQsrEVN67XRKrN+KS2hvqhRANCAAQerr0umngXdeZWXXqrbqC+ndoRHJN3\n\
GYMzOSsplbg0KgarywzwOzAn6kHzZzLE65cGDv89xIWC5IFzgVH9Ir6b\n\
-----END PRIVATE KEY-----";

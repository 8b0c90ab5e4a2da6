//! The raw server.

use std::time::Duration;

use reqwest::{Client, Response};
use stand_ins::{Behaviour, RawServer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// For answers that do come, even on a busy machine.
const GENEROUS: Duration = Duration::from_secs(60);

/// Asks a server whose answer never ends, with more time where it did not come as far as it was to come before: a machine may
/// be busy with other work.
async fn given_up(
    behaviour: Behaviour,
    came: impl Fn(&RawServer, &reqwest::Result<Response>) -> bool,
) -> (RawServer, reqwest::Result<Response>) {
    for timeout in [300, 3_000].map(Duration::from_millis) {
        let (server, answer) = asked(behaviour.clone(), timeout).await;
        if came(&server, &answer) {
            return (server, answer);
        }
    }
    asked(behaviour, GENEROUS).await
}

async fn asked(behaviour: Behaviour, timeout: Duration) -> (RawServer, reqwest::Result<Response>) {
    let server = RawServer::start(behaviour).await.unwrap();
    let client = Client::builder().timeout(timeout).build().unwrap();
    let answer = client.get(server.base_url().join("v1/x").unwrap()).header("x-mark", "7").send().await;
    (server, answer)
}

#[tokio::test]
async fn an_endless_body_goes_on_until_the_client_stops() {
    let (_server, answer) = asked(Behaviour::EndlessBody, GENEROUS).await;
    let mut answer = answer.unwrap();
    let mut read = 0;
    while read < 1_000_000 {
        read += answer.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn slow_answers_outlast_a_deadline() {
    let loris = Behaviour::SlowLoris(Duration::from_millis(5));
    let (_server, answer) = given_up(loris, |_, answer| answer.is_ok()).await;
    assert!(answer.unwrap().bytes().await.unwrap_err().is_timeout());
    let (_server, answer) = given_up(Behaviour::SlowHead(Duration::from_millis(5)), |_, _| true).await;
    assert!(answer.unwrap_err().is_timeout());
    let (server, answer) = given_up(Behaviour::NeverAnswers, |server, _| !server.heads().is_empty()).await;
    assert!(answer.unwrap_err().is_timeout());
    assert!(server.heads()[0].starts_with("GET /v1/x HTTP/1.1\r\n") && server.heads()[0].contains("x-mark: 7"));
    let (server, answer) = given_up(Behaviour::ConnectThenSilent, |server, _| server.connections() > 0).await;
    assert!(answer.unwrap_err().is_timeout());
    assert_eq!((server.connections(), server.heads().len()), (1, 0));
}

#[tokio::test]
async fn cut_answers_fail_while_the_body_is_read() {
    let (_server, answer) = asked(Behaviour::CutAfterHeaders, GENEROUS).await;
    assert!(!answer.unwrap().bytes().await.unwrap_err().is_timeout());
    let (_server, answer) = asked(Behaviour::CutMidBody, GENEROUS).await;
    let mut answer = answer.unwrap();
    let mut read = 0;
    let broken = loop {
        match answer.chunk().await {
            Ok(part) => read += part.expect("the body does not end by itself").len(),
            Err(why) => break why,
        }
    };
    assert_eq!((read, broken.is_timeout()), (500, false));
}

#[tokio::test]
async fn broken_heads_fail_before_there_is_an_answer() {
    for behaviour in [Behaviour::GarbageStatusLine, Behaviour::EndlessHeaders, Behaviour::CloseImmediately] {
        let (server, answer) = asked(behaviour.clone(), GENEROUS).await;
        assert!(!answer.unwrap_err().is_timeout(), "{behaviour:?}");
        assert!(server.connections() >= 1);
    }
}

#[tokio::test]
async fn a_huge_body_is_whole_json_of_the_asked_size() {
    let (_server, answer) = asked(Behaviour::HugeBody(300_001), GENEROUS).await;
    let body = answer.unwrap().bytes().await.unwrap();
    assert_eq!(body.len(), 300_001);
    assert!(serde_json::from_slice::<String>(&body).is_ok());
}

#[tokio::test]
async fn any_bytes_can_be_the_answer() {
    let bytes = b"HTTP/1.1 204 No Content\r\nx-own: yes\r\n\r\n".to_vec();
    let (_server, answer) = asked(Behaviour::Bytes(bytes), GENEROUS).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["x-own"].as_bytes()), (204, b"yes".as_slice()));
}

#[tokio::test]
async fn dropping_the_server_closes_its_port_and_its_connections() {
    let server = RawServer::start(Behaviour::ConnectThenSilent).await.unwrap();
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    while server.connections() == 0 {
        tokio::task::yield_now().await;
    }
    drop(server);
    // Ends with a close or a reset, never with data.
    assert!(open.read(&mut [0; 1]).await.map_or(true, |read| read == 0));
    assert!(TcpStream::connect(address).await.is_err());
}

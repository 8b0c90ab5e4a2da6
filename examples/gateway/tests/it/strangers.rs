//! What somebody without a token can take from everybody else.

use std::process::Stdio;

use tokio::{net::TcpStream, process::Command};

use crate::world::{ANN, Gateway, Site, client, gateway};

/// The program, with no more open files than this.
#[cfg(unix)]
fn with_open_files(most: usize, arguments: &[&str]) -> Command {
    let whole = gateway(arguments, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")]).arg(whole.as_std().get_program());
    command.args(whole.as_std().get_args()).env_clear().kill_on_drop(true).stdin(Stdio::null());
    command.current_dir(whole.as_std().get_current_dir().unwrap());
    command
}

#[cfg(unix)]
#[tokio::test]
async fn a_low_limit_on_open_files_is_said_and_leaves_room_for_what_connections_need() {
    let site = Site::new().await;
    site.change("[auth]", "[http]\noperations = \"127.0.0.1:0\"\nmax_operations_connections = 20\n\n[auth]");
    let arguments = ["--json", "--listen", "127.0.0.1:0", &site.flag()];
    let gateway = Gateway::of(with_open_files(340, &arguments)).await;
    let said = gateway.logged("fewer connections are served").await;
    assert_eq!((&said["limit"], &said["connections"]), (&340.into(), &64.into()), "{said}");
    assert_eq!(said["needed"], 10_276);
    // More than it can have files for: health answers, and a connection that was open already goes on.
    let open = client();
    let tools = async || {
        let list = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = open.post(gateway.url()).header("accept", "application/json, text/event-stream");
        request.bearer_auth(ANN).json(&list).send().await.unwrap().status()
    };
    assert_eq!(tools().await, 200);
    let address = gateway.facts["address"].as_str().unwrap();
    let mut idle = Vec::new();
    for _ in 0..120 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(tools().await, 200);
    let operations = gateway.facts["operations"].as_str().unwrap();
    let ready = client().get(format!("http://{operations}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    gateway.stop().await;
}

//! A vendor that answers every request at once.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::LazyLock,
    thread,
};

/// About two kilobytes, as a vendor answers for one object.
pub(crate) fn body() -> &'static str {
    static BODY: LazyLock<String> = LazyLock::new(|| {
        let update = r#"{"id":"u1","status":"monitoring","body":"We are watching the fix.","created_at":"2026-11-21T09:30:00Z"}"#;
        format!(
            r#"{{"id":"i1","name":"Checkout is slow","status":"monitoring","updates":[{}]}}"#,
            [update; 18].join(",")
        )
    });
    &BODY
}

/// Answers every request at once, in threads of its own, whose CPU time is not counted.
pub(crate) fn stub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let body = body();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    let answer = format!("{head} {}\r\n\r\n{body}", body.len());
    let (mut seen, mut buffer) = (Vec::new(), [0; 8192]);
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            return;
        }
        seen.extend_from_slice(&buffer[..read]);
        while let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            seen.drain(..end + 4);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

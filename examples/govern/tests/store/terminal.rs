//! At a terminal: whoever sits there is asked before access widens, and nobody else is.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::json;

use crate::site::{GOVERNANCE, Site, stdout};

/// Longer than anything takes here; what waits longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

const QUESTION: &str = "Go on? [y/N] ";

/// What a program finds on its three standard streams besides its output, which is read apart.
#[derive(Clone, Copy, PartialEq)]
enum Streams {
    /// It reads from the terminal and tells the person there.
    Terminal,
    /// It reads from the terminal, and its errors go into a file.
    ErrorsElsewhere,
}

/// Runs the program at a terminal where somebody answers the question, and what stood on the screen.
fn run(site: &Site, streams: Streams, arguments: &[&str], answer: &str) -> (Output, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let mut ours = File::from(ours);
    let child = {
        let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
        command.args(arguments).env_clear().envs(site.environment()).stdout(Stdio::piped());
        let told = if streams == Streams::Terminal { theirs.try_clone().unwrap().into() } else { Stdio::null() };
        command.stdin(theirs).stderr(told).spawn().unwrap()
    };
    let screen = shown_on(ours.try_clone().unwrap());
    let mut seen = String::new();
    while !seen.contains(QUESTION) {
        match screen.recv_timeout(PATIENCE) {
            Ok(text) => seen.push_str(&text),
            // It has ended without a question.
            Err(error) => {
                assert_eq!(error, std::sync::mpsc::RecvTimeoutError::Disconnected, "it waits for something: {seen}");
                break;
            }
        }
    }
    if seen.contains(QUESTION) {
        ours.write_all(answer.as_bytes()).unwrap();
    }
    (child.wait_with_output().unwrap(), seen)
}

/// What is written to the terminal, until no program has it open any more.
fn shown_on(mut terminal: File) -> Receiver<String> {
    let (said, heard) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // At its end a terminal answers with an error.
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            if said.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    heard
}

#[test]
fn somebody_at_a_terminal_is_asked_before_access_widens_and_heeded() {
    let site = Site::governed_by(GOVERNANCE);
    let seen = format!("status/create_incident@{}", site.digest("status/create_incident"));
    let revision = site.revision();
    // Ctrl-D is an end of the input.
    for (answer, due) in [("n\n", 5), ("\n", 5), ("yess\n", 5), ("\u{4}", 5), ("y\n", 0)] {
        let (output, screen) = run(&site, Streams::Terminal, &["approve", &seen], answer);
        assert_eq!(output.status.code(), Some(due), "{answer:?}: {screen}");
        assert!(screen.contains("+ holders of `everything` (1 grant) gain 1 tool"), "{screen}");
        assert!(screen.contains("held by user ben (local)"), "{screen}");
        let told = stdout(&output);
        assert!(told.contains(if due == 0 { "(done" } else { "nobody confirmed it" }), "{told}");
        assert_eq!(site.revision() > revision, due == 0, "{answer:?}");
    }
    // A document is brought about in the same way.
    let more = GOVERNANCE.replace("subject = \"ann\"", "subject = \"zoe\"");
    let file = site.write("more.toml", &more);
    let (output, screen) = run(&site, Streams::Terminal, &["apply", &file], "YES\n");
    assert_eq!(output.status.code(), Some(0), "{screen}");
    assert!(screen.contains("zoe (local)"), "{screen}");
}

#[test]
fn whoever_cannot_be_asked_or_need_not_be_is_not() {
    let site = Site::governed_by(GOVERNANCE);
    let seen = format!("status/create_incident@{}", site.digest("status/create_incident"));
    for (streams, arguments, due) in [
        (Streams::Terminal, &["--json", "approve", seen.as_str()][..], 5),
        (Streams::ErrorsElsewhere, &["approve", &seen], 5),
        (Streams::Terminal, &["approve", &seen, "--dry-run"], 0),
        (Streams::Terminal, &["approve", &seen, "--yes"], 0),
        (Streams::Terminal, &["disable", "status/create_incident"], 0),
    ] {
        let (output, screen) = run(&site, streams, arguments, "y\n");
        assert_eq!((output.status.code(), screen.as_str()), (Some(due), ""), "{arguments:?}: {}", stdout(&output));
    }
    assert_eq!(site.json(&["tools", "--state", "disabled"])["tools"].as_array().unwrap().len(), 1);
    assert_eq!(site.json(&["status"])["activated"], json!(true));
}

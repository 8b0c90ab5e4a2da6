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
const TIMEOUT: Duration = Duration::from_mins(1);

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
    run_answering(site, streams, arguments, &mut |_| answer.to_owned())
}

/// The same with an answer to each question, by its number; what is done before the answer is done while the program waits.
fn run_answering(
    site: &Site,
    streams: Streams,
    arguments: &[&str],
    answer: &mut dyn FnMut(usize) -> String,
) -> (Output, String) {
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
    let (mut seen, mut answered) = (String::new(), 0);
    loop {
        match screen.recv_timeout(TIMEOUT) {
            Ok(text) => seen.push_str(&text),
            // It has ended.
            Err(error) => {
                assert_eq!(error, std::sync::mpsc::RecvTimeoutError::Disconnected, "it waits for something: {seen}");
                break;
            }
        }
        if seen.matches(QUESTION).count() > answered {
            ours.write_all(answer(answered).as_bytes()).unwrap();
            answered += 1;
        }
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
        assert!(told.contains(if due == 0 { "(done" } else { "was not confirmed" }), "{told}");
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
fn a_person_at_a_terminal_is_asked_about_a_name_that_is_not_on_record() {
    let site = Site::governed_by(GOVERNANCE);
    let revision = site.revision();
    for (answer, due) in [("n\n", 5), ("y\n", 0)] {
        let (output, screen) = run(&site, Streams::Terminal, &["kill", "client", "claude"], answer);
        assert_eq!(output.status.code(), Some(due), "{answer:?}: {screen}");
        assert!(screen.contains("`claude (local)` is not on record"), "{screen}");
        assert_eq!(site.revision() > revision, due == 0, "{answer:?}");
    }
    // What a rule names is stopped without a question.
    let (output, screen) = run(&site, Streams::Terminal, &["kill", "server", "status"], "");
    assert_eq!((output.status.code(), screen.as_str()), (Some(0), ""));
}

#[test]
fn a_commit_between_the_question_and_the_yes_is_shown_and_asked_about() {
    let site = Site::governed_by(GOVERNANCE);
    let seen = format!("status/create_incident@{}", site.digest("status/create_incident"));
    let revision = site.revision();
    // One more person would gain the tool by now.
    let (output, screen) = run_answering(&site, Streams::Terminal, &["approve", &seen], &mut |question| {
        if question == 0 {
            site.json(&["grant", "everything", "--user", "carl", "--yes"]);
        }
        if question == 0 { "y\n".to_owned() } else { "n\n".to_owned() }
    });
    assert_eq!(output.status.code(), Some(5), "{screen}");
    let questions: Vec<&str> = screen.split(QUESTION).collect();
    assert!(questions[0].contains("(1 grant) gain 1 tool") && !questions[0].contains("carl"), "{screen}");
    assert!(questions[1].contains("The rules were changed meanwhile"), "{screen}");
    assert!(questions[1].contains("(2 grants) gain 1 tool") && questions[1].contains("carl (local)"), "{screen}");
    assert_eq!(site.revision(), revision + 1, "it was approved");

    // What has nothing to do with it is no reason to ask again.
    let mut asked = 0;
    let (output, screen) = run_answering(&site, Streams::Terminal, &["approve", &seen], &mut |_| {
        asked += 1;
        site.json(&["profiles", "create", "another"]);
        "y\n".to_owned()
    });
    assert_eq!((output.status.code(), asked), (Some(0), 1), "{screen}");
}

#[test]
fn a_document_is_asked_about_again_where_somebody_committed_before_the_yes() {
    let site = Site::governed_by(GOVERNANCE);
    let file = site.write("more.toml", &GOVERNANCE.replace("approve = [\"read\"]", "approve = [\"read\", \"write\"]"));
    let before = site.revision();
    let (output, screen) = run_answering(&site, Streams::Terminal, &["apply", &file], &mut |question| {
        if question == 0 {
            site.json(&["grant", "everything", "--user", "carl", "--yes"]);
        }
        if question == 0 { "y\n".to_owned() } else { "n\n".to_owned() }
    });
    assert_eq!(output.status.code(), Some(5), "{screen}");
    let again = screen.split(QUESTION).nth(1).unwrap();
    assert!(again.contains("carl (local)"), "{screen}");
    assert_eq!(site.revision(), before + 1, "some of it was done");
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

//! The way of a tool past a crash, with two real programs on one store: the gateway serves, `govern` decides beside it, and
//! the gateway is killed with `kill -9`.
//!
//! Cargo names the programs of the package under test alone. So this program is `govern` too: started with [`AS_GOVERN`] set,
//! it does what `govern` does, as a process of its own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "it is a test, and says by itself how it went"
)]

mod demonstration;
mod operator;
mod place;
mod walk;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod world;

use std::{panic::AssertUnwindSafe, process::ExitCode};

/// Set where this program is to be `govern`.
const AS_GOVERN: &str = "GATEWAY_TEST_IS_GOVERN";

/// The tests, by the names of their functions.
const TESTS: [&str; 3] = [
    "what_was_approved_beside_a_gateway_survives_kill_nine_on_sqlite",
    "what_was_approved_beside_a_gateway_survives_kill_nine_on_postgres",
    "what_was_approved_in_the_demonstration_is_kept_in_a_file",
];

async fn what_was_approved_beside_a_gateway_survives_kill_nine_on_sqlite() -> Option<String> {
    Some(walk::walk(&place::Place::sqlite().await).await)
}

async fn what_was_approved_beside_a_gateway_survives_kill_nine_on_postgres() -> Option<String> {
    Some(walk::walk(&place::Place::postgres().await?).await)
}

async fn what_was_approved_in_the_demonstration_is_kept_in_a_file() -> Option<String> {
    Some(demonstration::walk().await)
}

fn main() -> ExitCode {
    if std::env::var_os(AS_GOVERN).is_some() {
        return govern::main();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for name in TESTS {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut failed = false;
    for name in TESTS.into_iter().filter(|name| chosen(name)) {
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(name))));
        match told {
            Ok(Some(told)) => println!("test {name} ... ok ({told})"),
            Ok(None) => println!("test {name} ... ignored"),
            Err(_) => {
                println!("test {name} ... FAILED");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is to be told of a test; nothing where what it needs is not there.
async fn run(name: &str) -> Option<String> {
    if name == TESTS[0] {
        what_was_approved_beside_a_gateway_survives_kill_nine_on_sqlite().await
    } else if name == TESTS[1] {
        what_was_approved_beside_a_gateway_survives_kill_nine_on_postgres().await
    } else {
        what_was_approved_in_the_demonstration_is_kept_in_a_file().await
    }
}

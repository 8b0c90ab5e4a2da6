//! A process that writes all stores of a SQLite file under load is killed with `kill -9` at random moments, again and again;
//! each time everything that it had acknowledged must be there, the chains must verify and the file must open.
//!
//! 20 rounds, or as many as `MCP_GOVERN_CRASH_ROUNDS` says. A killed process tests what SQLite makes of a half-written log,
//! not whether the disk keeps what it was told to sync: for that the power has to be cut.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "it is a test"
)]

#[path = "../suite/chains.rs"]
mod chains;
mod child;
mod ledger;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use mcp_govern_core::ports::Stores as _;
use mcp_govern_store::{IntegrityCheck, SqliteOptions, SqliteStores, VaultKeys};

use self::ledger::Ledger;

const NAME: &str = "nothing_acknowledged_is_lost_by_kill_nine";
const CHILD: &str = "MCP_GOVERN_CRASH_CHILD";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(folder) = std::env::var_os(CHILD) {
        runtime.block_on(child::work(Path::new(&folder)));
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
        return;
    }
    if arguments.iter().any(|argument| !argument.starts_with('-') && !NAME.contains(argument.as_str())) {
        return;
    }
    let rounds = std::env::var("MCP_GOVERN_CRASH_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    runtime.block_on(kill_and_look(rounds));
}

async fn kill_and_look(rounds: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let keys = VaultKeys::from_file_or_generate(folder.path().join("vault.keys")).unwrap();
    // Another process on the same file, all the while.
    let other = SqliteStores::open(&path, patient(&keys)).await.unwrap();
    let tenant = other.open(&chains::tenant()).await.unwrap();
    let mut ledger = Ledger::default();
    for round in 1..=rounds {
        kill_after(folder.path(), random(200) + 1, &mut ledger);
        chains::grow(&*tenant.journal, 1).await;
        let options = patient(&keys).with_integrity_check(IntegrityCheck::Always);
        let stores = SqliteStores::open(&path, options).await.unwrap();
        ledger.hold(&stores, round).await;
        stores.close().await;
    }
    println!("test {NAME} ... ok ({rounds} rounds of kill -9; acknowledged and found: {ledger})");
}

/// As long as a machine that is busy with other work may need.
fn patient(keys: &VaultKeys) -> SqliteOptions {
    SqliteOptions::new(keys.clone()).with_timeout(std::time::Duration::from_mins(1))
}

/// Starts a process that works on the file and kills it after it has acknowledged so many things.
fn kill_after(folder: &Path, acknowledged: u32, ledger: &mut Ledger) {
    let mut child =
        Command::new(std::env::current_exe().unwrap()).env(CHILD, folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..acknowledged {
        ledger.note(&lines.next().expect("it works until it is killed").unwrap());
    }
    child.kill().unwrap();
    // What it had said before it died counts as well; a last line may be cut.
    for line in lines {
        ledger.note(&line.unwrap());
    }
    child.wait().unwrap();
}

fn random(below: u32) -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    u32::from_le_bytes(bytes) % below
}

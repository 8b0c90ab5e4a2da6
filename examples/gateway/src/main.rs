//! An MCP gateway in one binary: governed tools of Statuspage, Opsgenie and PagerDuty, and of any API with an OpenAPI document,
//! for AI clients.
//!
//! One TOML file says everything; its heart is a `Blueprint`. Without a file it runs a demonstration.

mod check;
mod cli;
mod config;
mod connect;
mod credentials;
mod demo;
mod failure;
mod files;
mod follow;
mod governance;
mod identity;
mod log;
mod node;
mod plan;
mod providers;
mod random;
mod reload;
mod retention;
mod rules;
mod serve;
mod sign_in;
mod signals;
mod store;
mod welcome;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use mcp_govern_core::Secret;
use mcp_govern_store::VaultKeys;

use crate::{
    cli::{Cli, Command, KeyKind},
    failure::Failure,
};

/// The documented file that `gateway example` prints.
const EXAMPLE: &str = include_str!("../gateway.toml");

/// A call is a hundred small pieces of memory, many freed by another thread than the one that asked for them: the C library's
/// allocator takes a third of the gateway's time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(error.into())),
    };
    let code = ended(runtime.block_on(run(&cli)));
    // A read of standard input that still waits must not keep the program.
    runtime.shutdown_background();
    code
}

async fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let mut out = io::stdout();
    match &cli.command {
        None => Box::pin(serve::run(cli)).await,
        Some(Command::Plan(flags)) => {
            let config = plan::required(cli.config.as_deref())?;
            plan::run(&config, &cli.store, flags, cli.json, &mut out).await
        }
        Some(Command::Check(flags)) => {
            let config = plan::required(cli.config.as_deref())?;
            check::run(&config, cli, flags, &mut out).await
        }
        Some(Command::Example) => {
            out.write_all(EXAMPLE.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::NewKey { kind }) => {
            let key = match kind {
                KeyKind::Vault => VaultKeys::generate()?.to_text(),
                KeyKind::Audit | KeyKind::State => Secret::new(random::digits(&random::bytes::<32>()?)),
            };
            writeln!(out, "{}", key.expose().trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn ended(how: Result<ExitCode, Failure>) -> ExitCode {
    match how {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Where nobody reads it there is nobody to tell.
            for line in failure.to_string().lines() {
                let _ = writeln!(io::stderr(), "gateway: {line}");
            }
            failure.exit_code()
        }
    }
}

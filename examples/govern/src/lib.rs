//! `govern`: governed vendors on the command line.
//!
//! The program is this library with a `main` around it, so that tests of other packages can be the program too.
//!
//! `catalog` prints what a provider offers, `preview` the exact request that a call would send, `probe` what a key is good
//! for, and `call` makes calls: one JSON object per line in, one per line out, each through a governor. The other verbs govern
//! what a store holds, while a gateway works on it.

mod answer;
mod call_session;
mod catalog;
mod cli;
mod failure;
mod heads;
mod lines;
mod own;
mod probe;
mod progress;
mod request;
mod serve;
mod store;
mod subject;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use example_vendors::Environment;

use crate::{
    call_session::{CallSession, WithKey},
    cli::{Cli, Command, PlaceArguments},
    failure::Failure,
    subject::{Key, Named, Subject},
};

/// The whole program: reads the command line and the environment of this process, does what they say, and answers the exit
/// code. What is wrong is told on standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(error.into())),
    };
    let code = ended(runtime.block_on(run(&cli, &Environment::of_process())));
    // A read of standard input that still waits must not keep the program.
    runtime.shutdown_background();
    code
}

async fn run(cli: &Cli, environment: &Environment) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Catalog { provider, edition } => {
            let provider = Named::find(provider.as_deref(), &cli.store.api)?.provider()?;
            catalog::print(&provider, edition.as_ref(), &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Call { provider, place } => {
            let subject = subject(cli, provider.as_deref(), place, environment, Key::Needed)?;
            let call_session = CallSession::open(&subject, WithKey::Placed).await?;
            let served = serve::calls(&call_session, tokio::io::stdin(), &mut io::stdout()).await;
            call_session.close().await;
            served?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Preview { provider, place } => {
            let subject = subject(cli, provider.as_deref(), place, environment, Key::NotNeeded)?;
            let call_session = CallSession::open(&subject, WithKey::Placed).await?;
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            serve::previews(&call_session, form, tokio::io::stdin(), &mut io::stdout()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Probe { provider, place } => {
            let subject = subject(cli, provider.as_deref(), place, environment, Key::Needed)?;
            let call_session = CallSession::open(&subject, WithKey::InQuestion).await?;
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            probe::run(&call_session, &subject, form, &mut io::stdout().lock()).await
        }
        Command::Store(verb) => {
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            store::run(verb, &cli.store, environment, form, &mut io::stdout().lock()).await
        }
    }
}

fn subject(
    cli: &Cli,
    provider: Option<&str>,
    place: &PlaceArguments,
    environment: &Environment,
    key: Key,
) -> Result<Subject, Failure> {
    Subject::of(Named::find(provider, &cli.store.api)?, place, environment, key)
}

fn ended(how: Result<ExitCode, Failure>) -> ExitCode {
    match how {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "govern: {failure}");
            failure.exit_code()
        }
    }
}

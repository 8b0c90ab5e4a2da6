//! `govern`: governed vendors on the command line.
//!
//! The program is this library with a `main` around it, so that tests of other packages can be the program too.
//!
//! `catalog` prints what a provider offers, `preview` the exact request that a call would send, `probe` what a key is good
//! for, and `call` makes calls: one JSON object per line in, one per line out, each through a governor. The other verbs govern
//! what a store holds, while a gateway works on it.

mod answer;
mod catalog;
mod cli;
mod desk;
mod failure;
mod heads;
mod lines;
mod patience;
mod probe;
mod request;
mod serve;
mod store;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use example_vendors::{Account, AccountError, Environment, Place, Vendor};

use crate::{
    cli::{Cli, Command, PlaceArguments},
    desk::Desk,
    failure::Failure,
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
        Command::Catalog { provider } => {
            catalog::print(*provider, &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Call { provider, place } => {
            let desk =
                Desk::open(account(*provider, environment)?, &self::place(*provider, place, environment)?).await?;
            let served = serve::calls(&desk, tokio::io::stdin(), &mut io::stdout()).await;
            desk.close().await;
            served?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Preview { provider, place } => {
            let account = account_or_none(*provider, environment)?;
            let desk = Desk::open(account, &self::place(*provider, place, environment)?).await?;
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            serve::previews(&desk, form, tokio::io::stdin(), &mut io::stdout()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Probe { provider, place } => {
            let account = account(*provider, environment)?;
            let place = self::place(*provider, place, environment)?;
            let desk = Desk::open(account.with_no_key(), &place).await?;
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            probe::run(&desk, &account, form, &mut io::stdout().lock()).await
        }
        Command::Store(verb) => {
            let form = if cli.json { serve::Form::Json } else { serve::Form::Text };
            store::run(verb, &cli.store, environment, form, &mut io::stdout().lock()).await
        }
    }
}

fn account(vendor: Vendor, environment: &Environment) -> Result<Account, Failure> {
    Ok(Account::from_environment(vendor, environment)?)
}

/// To see a request no key is needed.
fn account_or_none(vendor: Vendor, environment: &Environment) -> Result<Account, Failure> {
    match Account::from_environment(vendor, environment) {
        Err(AccountError::Missing { variable, .. }) => {
            let note =
                format!("govern: `{variable}` is not set; requests are shown as with an account that has no key yet");
            // Nobody has to read it.
            let _ = writeln!(io::stderr(), "{note}");
            Ok(Account::without_key(vendor, environment))
        }
        other => Ok(other?),
    }
}

fn place(vendor: Vendor, asked: &PlaceArguments, environment: &Environment) -> Result<Place, Failure> {
    let mut place = Place::from_environment(vendor, environment)?;
    if let Some(url) = &asked.base_url {
        place = place.with_base_url(url.clone());
    }
    if let Some(region) = &asked.region {
        place = place.with_region(region);
    }
    let config = asked.config.iter();
    Ok(config.fold(place, |place, (name, value)| place.with_config(name, value)))
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

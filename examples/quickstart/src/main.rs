//! The whole way of a tool in one run, for three vendors: registered, discovered, reviewed, put into a toolset, bound to a
//! profile, asked for, granted, called, denied for every reason there is, put on record, and the record verified.
//!
//! Without keys in the environment the vendors are stand-ins on loopback. With keys they are the real ones, and only read.

mod cast;
mod clock;
mod company;
mod front;
mod plot;
mod story;
mod teller;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use example_vendors::{AccountError, Environment};

use crate::{
    company::Company,
    story::Story,
    teller::{Form, Teller},
};

/// A step came out with an error where the story has none.
type Told<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const ENVIRONMENT: &str = "\
Without keys in the environment it talks to stand-ins of the three vendors on loopback: no account, no network.
With STATUSPAGE_API_KEY, OPSGENIE_API_KEY, or PAGERDUTY_API_KEY and PAGERDUTY_FROM it talks to those vendors, and
only reads there; vendors without a key are left out. STATUSPAGE_BASE_URL, OPSGENIE_BASE_URL and PAGERDUTY_BASE_URL
point it elsewhere.

Exit codes: 0 everything went as told; 1 something did not, standard error says what; 2 the environment is wrong.";

/// Tells the whole way of a tool, from its registration to the verified record of its calls.
#[derive(Debug, Parser)]
#[command(name = "quickstart", version, after_help = ENVIRONMENT)]
struct Arguments {
    /// Tell it to a machine: one JSON object per step
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let form = if Arguments::parse().json { Form::Json } else { Form::Text };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.to_string(), ExitCode::FAILURE),
    };
    match runtime.block_on(tell(form, &Environment::of_process())) {
        Ok(differences) if differences.is_empty() => ExitCode::SUCCESS,
        Ok(differences) => {
            let told = differences.join("\n  ");
            complain(&format!("not everything went as told:\n  {told}"), ExitCode::FAILURE)
        }
        Err(error) if error.is::<AccountError>() => complain(&error.to_string(), ExitCode::from(2)),
        // Whoever listened has gone away.
        Err(error) if is_broken_pipe(&*error) => ExitCode::FAILURE,
        Err(error) => complain(&format!("the story broke off: {error}"), ExitCode::FAILURE),
    }
}

/// Tells the story and answers what did not go as told.
async fn tell(form: Form, environment: &Environment) -> Told<Vec<String>> {
    let company = Company::gather(environment).await?;
    let mut story = Story::open(Teller::new(form), company).await?;
    story.tell().await?;
    Ok(story.close())
}

fn is_broken_pipe(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn complain(text: &str, code: ExitCode) -> ExitCode {
    // Where nobody reads it there is nobody to tell.
    let _ = writeln!(io::stderr(), "quickstart: {text}");
    code
}

//! The figures that the project promises, measured in one run with their peers.
//!
//! `figures` prints a table, `figures --json` one JSON object per figure. Ends with an error when a figure misses its limit.

mod admission;
mod call;
mod figure;
mod open;

use std::process::ExitCode;

use mcp_govern_benches::allocations::Counting;

use self::figure::Figure;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let json = std::env::args().any(|argument| argument == "--json");
    let figures: Vec<Figure> = [admission::figures(), call::figures(), open::figures()].into_iter().flatten().collect();
    for figure in &figures {
        if json {
            println!("{}", figure.to_json());
        } else {
            println!("{figure}");
        }
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! The figures that the project promises, measured in one run with their peers.
//!
//! `figures` prints a table, `figures --json` one JSON object per figure; the names of groups (`admission`, `call`, `face`, `open`,
//! `thousand`) take these alone. Ends with an error when a figure misses its limit.

mod admission;
mod call;
mod face;
mod figure;
mod open;
mod stores;
mod stub;
mod thousand;

use std::process::ExitCode;

use mcp_govern_benches::allocations::Counting;

use self::figure::Figure;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Group = (&'static str, fn() -> Vec<Figure>);

const GROUPS: [Group; 5] = [
    ("admission", admission::figures),
    ("call", call::figures),
    ("face", face::figures),
    ("open", open::figures),
    ("thousand", thousand::figures),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, serve, kind, vendor] = words.as_slice()
        && serve == "--serve"
    {
        face::serve(kind, vendor.parse().expect("an address"));
        return ExitCode::SUCCESS;
    }
    let (options, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let json = options.iter().any(|option| option == "--json");
    if let Some(unknown) = wanted.iter().find(|word| GROUPS.iter().all(|(name, _)| name != word)) {
        eprintln!("there is no group `{unknown}`; there are {}", GROUPS.map(|(name, _)| name).join(", "));
        return ExitCode::FAILURE;
    }
    let groups = GROUPS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| word == name));
    let figures: Vec<Figure> = groups.flat_map(|(_, figures)| figures()).collect();
    for figure in &figures {
        if json {
            println!("{}", figure.to_json());
        } else {
            println!("{figure}");
        }
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

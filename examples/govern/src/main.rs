//! `govern`: governed vendors on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    govern::main()
}

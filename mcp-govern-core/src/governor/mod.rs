//! The shell.
/// scaffold
#[derive(Debug)]
pub struct Governor;

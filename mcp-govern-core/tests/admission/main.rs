//! Admission and arguments, from the outside.

mod answers;
mod arguments;
mod cases;
mod history;
mod model;
mod properties;
mod support;

//! The index that calls are admitted by.

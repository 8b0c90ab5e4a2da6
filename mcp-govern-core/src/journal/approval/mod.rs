//! The approval state machines: [`tool`], how a tool comes to be called, and [`request`], how a request for access is decided.
//!
//! Both are tables: a state and an event lead to a state, or the event is refused with a sentence. [`decide`](super::decide)
//! refuses what they refuse, and [`State::apply`](super::State::apply) takes their steps, so that a replay of the journal leads
//! where the decision led.

pub mod request;
pub mod tool;

pub use self::tool::{ApprovalEvent, Approvals, NotPossible, Transition, next};

//! The provider against its stand-in, through a real governor.
//!
//! What a good client of Statuspage gets right, and where it is held:
//!
//! | | |
//! |---|---|
//! | the key stands in its header alone, one host, allowed pages only | `kit`, `scope`, `public_status` |
//! | 420 and 429, `Retry-After`, 60 a minute over all tools | `errors` |
//! | pages from 1, subscribers from 0, sizes always sent, short page ends | `results`, `limits`, `kit` |
//! | nobody is told unless it was asked for | `results`, `catalogue` |
//! | wrappers and their exceptions, `null`, empty status | `kit` over `cases`, `refusals` |
//! | maintenance: window, future, family of status, no components in the past | `refusals`, `limits` |
//! | components are looked up before they are written; resolving restores them | `recipes` |
//! | rights: read, shown, written; verbs of page access | `recipes`, `catalogue` |
//! | lengths, counts, ages, spans, grammar | `limits`, `refusals` |
//! | PATCH of two twins, no defaults of the vendor, maps | `catalogue` |
//! | writes are never repeated blindly | `requests`, `errors`, `recipes` |
//! | personal data and secrets | `credentials`, `results` |
//! | empty answers, bare lists, long ones cut | `results` |
//! | what plans, accounts and providers do not allow is explained | `errors`, `catalogue` |
//! | public pages without a key | `public_status` |
#![cfg(test)]

mod cases;
mod catalogue;
mod credentials;
mod errors;
mod kit;
mod limits;
mod public_status;
mod recipes;
mod refusals;
mod requests;
mod results;
mod rules;
mod scope;
mod setup;

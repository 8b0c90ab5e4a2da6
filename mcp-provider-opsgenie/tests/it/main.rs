//! The provider against its stand-in, through a real governor.

#[cfg(test)]
mod asynchronous;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod results;
#[cfg(test)]
mod setup;

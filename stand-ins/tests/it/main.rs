//! Drives every stand-in over real HTTP, the way a client would.

#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generic;
#[cfg(test)]
mod opsgenie;
#[cfg(test)]
mod pagerduty;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod statuspage;

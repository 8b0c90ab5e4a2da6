//! What stands between the network and the protocol.

mod addressing;
mod answers;
mod aside;
mod body;
mod challenge;
mod connection;
mod door;
mod health;
mod held;
mod metadata;
mod origins;
mod repeated;
mod seldom;
mod serve;
mod timely;
mod version;

#[cfg(test)]
pub(crate) use self::repeated::repeated_name;
pub(crate) use self::{
    addressing::{Addressing, Audience},
    aside::behind_string,
    body::{BodyLimits, BodyRoom, read_body},
    door::{Door, entrance, take_bearer},
    health::{health, metrics},
    metadata::{MetadataUrls, metadata},
    origins::Origins,
    serve::{Ends, ServeLimits, Serving},
};

//! The layer between the network and the protocol.

mod accept;
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
mod seldom;
mod serve;
mod timely;
mod version;

pub(crate) use self::{
    addressing::{Addressing, Audience, Hints},
    body::{BodyLimits, BodyRoom, read_body},
    door::{Door, entrance, take_bearer},
    health::{Readiness, health, metrics},
    metadata::{MetadataUrls, identifier, metadata},
    origins::Origins,
    seldom::SeldomEach,
    serve::{Ends, ServeLimits, Serving},
};

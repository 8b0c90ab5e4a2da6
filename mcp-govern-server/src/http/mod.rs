//! The layer between the network and the protocol.

mod accept;
mod addressing;
mod answers;
mod aside;
mod body;
mod challenge;
mod connection;
mod health;
mod held;
mod ingress;
mod metadata;
mod origins;
mod seldom;
mod serve;
mod timely;
mod version;

pub(crate) use self::{
    addressing::{Addressing, Audience, Hints},
    body::{BodyLimits, BodyRoom, read_body},
    health::{Readiness, health, metrics},
    ingress::{Ingress, entrance, take_bearer},
    metadata::{MetadataUrls, identifier, metadata},
    origins::Origins,
    seldom::SeldomEach,
    serve::{Ends, ServeLimits, Serving},
};

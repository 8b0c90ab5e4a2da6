//! What stands between the network and the protocol.

mod answers;
mod body;
mod challenge;
mod door;
mod health;
mod metadata;
mod origins;
mod serve;

pub(crate) use self::{
    body::{BodyLimits, read_body},
    door::{Door, entrance, take_bearer},
    health::{health, metrics},
    metadata::{MetadataUrls, metadata},
    origins::Origins,
    serve::{ServeOptions, serve},
};

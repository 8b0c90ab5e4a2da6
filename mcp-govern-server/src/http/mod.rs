//! What stands between the network and the protocol.

mod body;
mod challenge;
mod door;
mod health;
mod metadata;
mod serve;

pub(crate) use self::{
    body::{BodyLimits, read_body},
    door::{Door, enter, take_bearer},
    health::{health, metrics},
    metadata::{MetadataUrls, metadata},
    serve::{ServeOptions, serve},
};

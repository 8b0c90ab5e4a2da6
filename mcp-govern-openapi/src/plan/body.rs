//! How the body of a request is made.

use http::HeaderValue;
use mcp_govern_core::{BoundArgument, FixedValue, Location};
use serde_json::{Value, json};

use super::{Codec, Places, join};

/// How the body of a row is made.
#[derive(Debug)]
pub(crate) struct BodyPlan {
    pub(crate) kind: BodyKind,
    pub(crate) content_type: HeaderValue,
    /// The single root key that holds the fields marked as wrapped.
    pub(crate) wrapper: Option<String>,
    pub(crate) fields: Vec<BodyField>,
    /// The one argument that is the whole body, where the body is not an object of named members.
    pub(crate) whole: Option<BodyField>,
    /// Always sent: path from the root, value.
    pub(crate) fixed: Vec<(Vec<String>, Value)>,
    /// The fields whose values are looked up and never given, by the names of their lookups.
    pub(crate) looked_up: Vec<String>,
}

/// The media type of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Json,
    /// `application/x-www-form-urlencoded`; the names of lists end in this text.
    Form {
        array_suffix: String,
    },
    Multipart,
    Text,
}

/// A member of the body.
#[derive(Debug, Clone)]
pub(crate) struct BodyField {
    pub(crate) argument: String,
    pub(crate) name: String,
    pub(crate) wrapped: bool,
    pub(crate) codec: Codec,
    pub(crate) part: PartKind,
}

/// What a member is in a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartKind {
    Field,
    /// Base64 in the argument, bytes on the wire.
    File {
        content_type: String,
    },
    /// No part of its own: the file name of that part.
    FileName {
        of: String,
    },
}

impl BodyPlan {
    /// How the arguments are bound, and what is always sent.
    pub(crate) fn bindings(&self) -> (Vec<BoundArgument>, Vec<FixedValue>) {
        let mut places = Places::default();
        let (looked_up, given): (Vec<_>, Vec<_>) =
            self.fields.iter().partition(|field| self.looked_up.contains(&field.argument));
        for field in given {
            let wrapper = self.wrapper.as_deref().filter(|_| field.wrapped).unwrap_or_default();
            match &field.part {
                PartKind::FileName { of } => places.bound.push((field.argument.clone(), join(wrapper, of))),
                PartKind::Field | PartKind::File { .. } => {
                    field.codec.places(&field.argument, &join(wrapper, &field.name), &mut places);
                }
            }
        }
        if let Some(field) = &self.whole {
            field.codec.places(&field.argument, "", &mut places);
        }
        for field in looked_up {
            let wrapper = self.wrapper.as_deref().filter(|_| field.wrapped).unwrap_or_default();
            places.fixed.push((join(wrapper, &field.name), json!({ "lookup": field.argument })));
        }
        for (path, value) in &self.fixed {
            places.fixed.push((path.join("."), value.clone()));
        }
        let bound = |(argument, name)| BoundArgument { argument, location: Location::Body, name };
        let fixed = |(name, value)| FixedValue { location: Location::Body, name, value };
        (places.bound.into_iter().map(bound).collect(), places.fixed.into_iter().map(fixed).collect())
    }
}

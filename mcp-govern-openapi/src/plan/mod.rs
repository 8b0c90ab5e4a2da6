//! What a compiled operation is: how its request is made, how its answer is read, and what holds for both.
//!
//! Types, and what they say of themselves. Documents are compiled into them (`document`); requests are bound (`bind`), sent (`send`)
//! and read (`decode`) by them. None of these names another one.

mod arguments;
mod asked_scopes;
mod body;
mod check;
mod codec;
mod document;
mod errors;
mod list;
mod lookup;
mod path;
mod policy;
mod poll;
mod probe;
mod query;
mod recipe;
mod row;
mod scope;
mod secret_path;
mod security;
mod servers;

pub use self::recipe::RecipeSpec;
pub(crate) use self::{
    arguments::{EndsNow, Fields, Instead, Keys, check_sent},
    asked_scopes::AskedScopes,
    body::{BodyField, BodyKind, BodyPlan, PartKind},
    check::{Check, Place, Rule, Span, Variant},
    codec::{Codec, FieldCodec, ObjectCodec, Places, Rest, WrapCodec, join},
    document::{Document, EditionName},
    errors::{ErrorPlan, MOST_READ, RemedyRule},
    list::{ListPlan, Paging},
    lookup::LookupPlan,
    path::{ConfigSegment, PathParam, PathTemplate, Piece, Slash},
    policy::{LONGEST_WAIT, Policy, Rate, Throttle, ThrottleRule, WaitUnit},
    poll::{Pending, PollPlan},
    probe::{Fact, ProbePlan},
    query::{HeaderParam, QueryParam, QueryStyle},
    recipe::NOBODY,
    row::{Accepts, ConfigHeader, OutputPlan, Repeat, Row, Shape, Stated},
    scope::{Keep, OWN_ORIGIN, Origin, Others, ScopeRule, Scopes},
    secret_path::{SecretPath, Step},
    security::{ConfigRule, FieldFormat, Scheme, SchemeKind, Schemes},
    servers::Servers,
};

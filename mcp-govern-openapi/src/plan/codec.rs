//! From the form that a model gives to the form that the vendor wants.

use serde_json::Value;

/// How a value of an argument becomes a value of the vendor's body.
///
/// The shown schema and the codec are made together: what the one hides or renames, the other puts back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Codec {
    /// Sent as it is given.
    Same,
    /// Each element by itself.
    Array(Box<Codec>),
    /// Renamed and fixed members.
    Object(ObjectCodec),
    /// The argument is the value of one member of an object that is otherwise fixed.
    Wrap(WrapCodec),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ObjectCodec {
    pub(crate) fields: Vec<FieldCodec>,
    pub(crate) fixed: Vec<(String, Value)>,
    pub(crate) rest: Rest,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldCodec {
    pub(crate) argument: String,
    pub(crate) name: String,
    pub(crate) codec: Codec,
}

/// What becomes of members that the schema does not name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rest {
    /// Refused.
    Closed,
    /// Each goes through this codec.
    Open(Box<Codec>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrapCodec {
    pub(crate) key: String,
    pub(crate) inner: Box<Codec>,
    pub(crate) fixed: Vec<(String, Value)>,
}

impl Codec {
    /// Lists where the parts of `argument` go, below the vendor's `name`, and what is always sent with them.
    pub(crate) fn places(&self, argument: &str, name: &str, places: &mut Places) {
        match self {
            Self::Same => places.bound.push((argument.to_owned(), name.to_owned())),
            // To the model the elements are plain values: the argument is the list, whatever the vendor puts around each.
            Self::Array(codec) if codec.is_plain() => {
                let mut inner = Places::default();
                codec.places(argument, &format!("{name}[]"), &mut inner);
                places.fixed.append(&mut inner.fixed);
                places.bound.push((argument.to_owned(), name.to_owned()));
            }
            Self::Array(codec) => codec.places(argument, &format!("{name}[]"), places),
            Self::Object(codec) => {
                places.fix(name, &codec.fixed);
                for field in &codec.fields {
                    field.codec.places(&join(argument, &field.argument), &join(name, &field.name), places);
                }
            }
            Self::Wrap(codec) => {
                places.fix(name, &codec.fixed);
                codec.inner.places(argument, &join(name, &codec.key), places);
            }
        }
    }

    /// Whether the model gives a plain value, however much is put around it.
    fn is_plain(&self) -> bool {
        match self {
            Self::Same => true,
            Self::Wrap(codec) => codec.inner.is_plain(),
            Self::Array(_) | Self::Object(_) => false,
        }
    }
}

/// Where arguments go and what is fixed, as dotted paths.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) bound: Vec<(String, String)>,
    pub(crate) fixed: Vec<(String, Value)>,
}

impl Places {
    pub(crate) fn fix(&mut self, name: &str, fixed: &[(String, Value)]) {
        self.fixed.extend(fixed.iter().map(|(key, value)| (join(name, key), value.clone())));
    }
}

/// `a` and `b` as `a.b`; `b` alone where there is no `a`.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

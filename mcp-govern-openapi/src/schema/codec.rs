//! From the form that a model gives to the form that the vendor wants.

use serde_json::{Map, Value};

use crate::steps;

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
    /// The vendor's form of `value`. A value of another shape than the schema's passes as it is: the schema check is
    /// not made here, and the vendor will refuse it.
    ///
    /// # Errors
    ///
    /// When an object has a member that would stand in for a renamed or fixed one, or an unknown one where none may be.
    pub(crate) fn encode(&self, value: &Value) -> Result<Value, String> {
        steps::tick();
        match (self, value) {
            (Self::Array(codec), Value::Array(items)) => {
                items.iter().map(|item| codec.encode(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            (Self::Object(codec), Value::Object(members)) => codec.encode(members).map(Value::Object),
            (Self::Wrap(_), Value::Null) => Ok(Value::Null),
            (Self::Wrap(codec), value) => {
                let mut object: Map<String, Value> = codec.fixed.iter().cloned().collect();
                object.insert(codec.key.clone(), codec.inner.encode(value)?);
                Ok(Value::Object(object))
            }
            (Self::Same | Self::Array(_) | Self::Object(_), value) => Ok(value.clone()),
        }
    }

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

impl ObjectCodec {
    fn encode(&self, members: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut object: Map<String, Value> = self.fixed.iter().cloned().collect();
        for (name, value) in members {
            steps::ticks(self.fields.len());
            if let Some(field) = self.fields.iter().find(|field| field.argument == *name) {
                object.insert(field.name.clone(), field.codec.encode(value)?);
                continue;
            }
            // INVARIANT: nothing given can take the place of a renamed or fixed member
            // (`a_member_cannot_stand_in_for_a_renamed_or_fixed_one`).
            let taken = self.fields.iter().any(|field| field.name == *name)
                || self.fixed.iter().any(|(fixed, _)| fixed == name);
            match &self.rest {
                Rest::Open(codec) if !taken => object.insert(name.clone(), codec.encode(value)?),
                Rest::Open(_) | Rest::Closed => return Err(format!("`{name}` is no known member")),
            };
        }
        Ok(object)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(kind: &str) -> Codec {
        Codec::Wrap(WrapCodec {
            key: "id".into(),
            inner: Box::new(Codec::Same),
            fixed: vec![("type".into(), json!(kind))],
        })
    }

    fn object(rest: Rest) -> Codec {
        Codec::Object(ObjectCodec {
            fields: vec![
                FieldCodec { argument: "incident_id".into(), name: "id".into(), codec: Codec::Same },
                FieldCodec {
                    argument: "policy_id".into(),
                    name: "policy".into(),
                    codec: reference("policy_reference"),
                },
            ],
            fixed: vec![("type".into(), json!("incident_reference"))],
            rest,
        })
    }

    #[test]
    fn renamed_wrapped_and_fixed_members_are_put_back() {
        let codec = Codec::Array(Box::new(object(Rest::Closed)));
        let given = json!([{"incident_id": "A", "policy_id": "P"}, {"incident_id": "B"}]);
        let sent = json!([
            {"id": "A", "type": "incident_reference", "policy": {"id": "P", "type": "policy_reference"}},
            {"id": "B", "type": "incident_reference"}]);
        assert_eq!(codec.encode(&given).unwrap(), sent);
        assert_eq!(reference("x").encode(&Value::Null).unwrap(), Value::Null);
    }

    #[test]
    fn a_member_cannot_stand_in_for_a_renamed_or_fixed_one() {
        for rest in [Rest::Closed, Rest::Open(Box::new(Codec::Same))] {
            for given in [json!({"id": "X"}), json!({"type": "x"}), json!({"policy": {"id": "X"}})] {
                assert!(object(rest.clone()).encode(&given).is_err(), "{given} with {rest:?}");
            }
        }
        assert!(object(Rest::Closed).encode(&json!({"more": 1})).is_err());
        assert_eq!(object(Rest::Open(Box::new(Codec::Same))).encode(&json!({"more": 1})).unwrap()["more"], 1);
    }

    #[test]
    fn places_are_dotted_paths_and_those_of_the_vendor_step_into_lists() {
        let mut places = Places::default();
        Codec::Array(Box::new(object(Rest::Closed))).places("incidents", "incidents", &mut places);
        Codec::Array(Box::new(reference("user"))).places("assignee_ids", "incident.assignments", &mut places);
        let bound = |argument: &str| places.bound.iter().find(|(a, _)| a == argument).map(|(_, name)| name.as_str());
        assert_eq!(bound("incidents.incident_id"), Some("incidents[].id"));
        assert_eq!(bound("incidents.policy_id"), Some("incidents[].policy.id"));
        assert_eq!(bound("assignee_ids"), Some("incident.assignments"));
        assert!(places.fixed.contains(&("incident.assignments[].type".into(), json!("user"))));
    }
}

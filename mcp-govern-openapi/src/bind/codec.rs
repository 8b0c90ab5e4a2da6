//! The vendor's form of a value, by the codec of its place.

use serde_json::{Map, Value};

use crate::{
    plan::{Codec, ObjectCodec, Rest},
    steps,
};

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
                Rest::Open(_) | Rest::Closed => return Err(format!("`{name}` is not a known member")),
            };
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{FieldCodec, Places, WrapCodec};

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

//! The body: flat arguments go back under the vendor's names, wrappers and fixed values around them.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value};

use super::multipart::{self, Part};
use crate::{
    plan::{BodyField, BodyKind, BodyPlan, Codec, PartKind},
    steps,
    text::{percent, scalar_text},
};

/// A body, bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    Json(Value, HeaderValue),
    Form(Vec<(String, String)>),
    Multipart { parts: Vec<Part>, boundary: String },
    Text(String, HeaderValue),
}

impl BodyPlan {
    /// The body for these arguments. An operation that has a JSON body sends at least `{}`.
    pub(crate) fn bind(&self, arguments: &Map<String, Value>) -> Result<Payload, String> {
        let body = self.body_value(arguments)?;
        match &self.kind {
            BodyKind::Json => Ok(Payload::Json(body, self.content_type.clone())),
            BodyKind::Text => match body {
                Value::String(text) => Ok(Payload::Text(text, self.content_type.clone())),
                _ => Err("the body must be a text".to_owned()),
            },
            BodyKind::Form { array_suffix } => {
                let mut form = Form::default();
                form.flatten("", &body, array_suffix)?;
                Ok(Payload::Form(form.pairs))
            }
            BodyKind::Multipart => {
                let parts = self.parts(body)?;
                let boundary = multipart::boundary()?;
                Ok(Payload::Multipart { parts, boundary })
            }
        }
    }

    /// Whether these arguments make a body. A plain JSON body takes whatever fits the schema.
    pub(crate) fn fits(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let mut fields = self.fields.iter().chain(&self.whole);
        match self.kind {
            BodyKind::Json if fields.all(|field| field.codec == Codec::Same) => Ok(()),
            // Without a boundary, which is random.
            BodyKind::Multipart => self.parts(self.body_value(arguments)?).map(drop),
            BodyKind::Json | BodyKind::Form { .. } | BodyKind::Text => self.bind(arguments).map(drop),
        }
    }

    fn body_value(&self, arguments: &Map<String, Value>) -> Result<Value, String> {
        let encode = |field: &BodyField, value: &Value| {
            field.codec.encode(value).map_err(|fault| format!("`{}`: {fault}", field.argument))
        };
        if let Some(field) = &self.whole {
            let empty = || Value::Object(Map::new());
            return arguments.get(&field.argument).map_or_else(|| Ok(empty()), |value| encode(field, value));
        }
        let (mut root, mut inner) = (Map::new(), Map::new());
        for field in &self.fields {
            if let Some(value) = arguments.get(&field.argument) {
                let object = if field.wrapped { &mut inner } else { &mut root };
                object.insert(field.name.clone(), encode(field, value)?);
            }
        }
        if let Some(wrapper) = &self.wrapper {
            root.insert(wrapper.clone(), Value::Object(inner));
        }
        for (path, value) in &self.fixed {
            insert_at(&mut root, path, value);
        }
        Ok(Value::Object(root))
    }

    fn parts(&self, body: Value) -> Result<Vec<Part>, String> {
        let Value::Object(mut members) = body else { return Err("the body must be an object".to_owned()) };
        let mut names = Vec::new();
        for field in &self.fields {
            if let PartKind::FileName { of } = &field.part
                && let Some(value) = members.remove(&field.name)
            {
                let name = value.as_str().ok_or_else(|| format!("`{}` must be a text", field.argument))?;
                names.push((of.as_str(), multipart::file_name(name).map_err(|e| format!("`{}` {e}", field.argument))?));
            }
        }
        let mut parts = Vec::new();
        for (name, value) in members {
            let field = self.fields.iter().find(|field| field.name == name);
            if let Some((field, content_type)) = field.and_then(|field| match &field.part {
                PartKind::File { content_type } => Some((field, content_type)),
                PartKind::Field | PartKind::FileName { .. } => None,
            }) {
                let file_name = names.iter().find(|(of, _)| *of == name).map_or("file", |(_, name)| name);
                let part = Part::file(&name, file_name, content_type, &value);
                parts.push(part.map_err(|fault| format!("`{}` {fault}", field.argument))?);
                continue;
            }
            let mut form = Form::default();
            form.flatten(&name, &value, "")?;
            parts.extend(form.pairs.into_iter().map(|(name, text)| Part::field(name, text)));
        }
        Ok(parts)
    }
}

impl Payload {
    pub(crate) fn content_type(&self) -> HeaderValue {
        match self {
            Self::Json(_, content_type) | Self::Text(_, content_type) => content_type.clone(),
            Self::Form(_) => HeaderValue::from_static("application/x-www-form-urlencoded"),
            Self::Multipart { boundary, .. } => {
                // INVARIANT: a boundary is made of letters, digits and dashes (`the_boundary_is_in_no_part`).
                HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                    .unwrap_or_else(|_| HeaderValue::from_static("multipart/form-data"))
            }
        }
    }

    /// The bytes.
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Json(value, _) => Bytes::from(value.to_string()),
            Self::Text(text, _) => Bytes::copy_from_slice(text.as_bytes()),
            Self::Form(pairs) => {
                let mut text = String::new();
                for (name, value) in pairs {
                    if !text.is_empty() {
                        text.push('&');
                    }
                    text.extend(percent(name));
                    text.push('=');
                    text.extend(percent(value));
                }
                Bytes::from(text)
            }
            Self::Multipart { parts, boundary } => multipart::encode(parts, boundary),
        }
    }

    /// The body for a preview: JSON as it is, forms and parts as an object that names them.
    pub(crate) fn show(&self) -> Value {
        let mut shown = Map::new();
        let mut add = |name: &str, value: Value| match shown.get_mut(name) {
            None => {
                shown.insert(name.to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(there) => *there = Value::Array(vec![there.take(), value]),
        };
        match self {
            Self::Json(value, _) => return value.clone(),
            Self::Text(text, _) => return Value::from(text.as_str()),
            Self::Form(pairs) => pairs.iter().for_each(|(name, value)| add(name, Value::from(value.as_str()))),
            Self::Multipart { parts, .. } => parts.iter().for_each(|part| add(part.name(), part.show())),
        }
        Value::Object(shown)
    }
}

/// Puts a value at a path, making the objects on the way. A value that is there already is replaced: fixed is fixed.
fn insert_at(object: &mut Map<String, Value>, path: &[String], value: &Value) {
    match path {
        [] => {}
        [name] => {
            object.insert(name.clone(), value.clone());
        }
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert_at(inner, rest, value);
            }
        }
    }
}

/// The names of a form may have so many bytes together. Every value repeats the names that lead to it: without a bound, a long
/// name over many values would come to the product of both.
const MOST_NAMES: usize = 2 << 20;

/// The pairs of a form.
#[derive(Debug, Default)]
struct Form {
    pairs: Vec<(String, String)>,
    /// How many bytes the names have so far, those of lists and objects on the way included.
    names: usize,
}

impl Form {
    /// Lists as repeated names, objects as `name[member]`.
    fn flatten(&mut self, name: &str, value: &Value, suffix: &str) -> Result<(), String> {
        match value {
            Value::Object(members) => members.iter().try_for_each(|(key, value)| {
                if key.contains(['[', ']']) && !name.is_empty() {
                    return Err(format!("`{name}`: no name may hold `[` or `]`"));
                }
                self.count(name.len() + key.len())?;
                let name = if name.is_empty() { key.clone() } else { format!("{name}[{key}]") };
                self.flatten(&name, value, suffix)
            }),
            Value::Array(items) if items.is_empty() => {
                Err(format!("`{name}` is empty, which a form cannot say: leave it out, or give at least one element"))
            }
            Value::Array(items) => {
                let name = format!("{name}{suffix}");
                items.iter().try_for_each(|item| match scalar_text(item) {
                    Some(text) => self.push(&name, text.into_owned()),
                    None => Err(format!("`{name}` holds an element that a form cannot hold")),
                })
            }
            value => {
                let text = scalar_text(value).ok_or_else(|| format!("`{name}` is null, which a form cannot say"))?;
                self.push(name, text.into_owned())
            }
        }
    }

    fn push(&mut self, name: &str, text: String) -> Result<(), String> {
        self.count(name.len())?;
        self.pairs.push((name.to_owned(), text));
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), String> {
        steps::ticks(bytes);
        self.names = self.names.saturating_add(bytes);
        if self.names > MOST_NAMES {
            return Err("the names of all members, repeated for each value, make the form too long: give fewer values or shorter names".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(argument: &str, name: &str, wrapped: bool) -> BodyField {
        BodyField { argument: argument.into(), name: name.into(), wrapped, codec: Codec::Same, part: PartKind::Field }
    }

    fn plan(kind: BodyKind, wrapper: Option<&str>, fields: Vec<BodyField>) -> BodyPlan {
        let content_type = HeaderValue::from_static("application/json");
        BodyPlan {
            kind,
            content_type,
            wrapper: wrapper.map(str::to_owned),
            fields,
            whole: None,
            fixed: Vec::new(),
            looked_up: Vec::new(),
        }
    }

    fn bind(plan: &BodyPlan, arguments: Value) -> Result<Payload, String> {
        plan.bind(arguments.as_object().unwrap())
    }

    #[test]
    fn wrapped_members_and_their_siblings_go_to_their_places() {
        let mut plan = plan(
            BodyKind::Json,
            Some("group"),
            vec![field("name", "name", true), field("description", "description", false)],
        );
        plan.fixed = vec![(vec!["group".into(), "type".into()], json!("g"))];
        let payload = bind(&plan, json!({"name": "a", "description": null})).unwrap();
        assert_eq!(payload.show(), json!({"group": {"name": "a", "type": "g"}, "description": null}));
        let (bound, fixed) = plan.bindings();
        assert_eq!(bound.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(), ["group.name", "description"]);
        assert_eq!(fixed[0].name, "group.type");
    }

    #[test]
    fn an_empty_body_is_an_empty_object_with_its_wrapper() {
        let empty = json!({});
        assert_eq!(bind(&plan(BodyKind::Json, None, Vec::new()), empty.clone()).unwrap().encode(), "{}");
        let wrapped = plan(BodyKind::Json, Some("incident"), vec![field("name", "name", true)]);
        assert_eq!(bind(&wrapped, empty).unwrap().encode(), r#"{"incident":{}}"#);
    }

    #[test]
    fn a_form_repeats_lists_with_their_suffix_and_nests_objects_in_brackets() {
        let form = plan(
            BodyKind::Form { array_suffix: "[]".into() },
            Some("incident"),
            vec![field("ids", "ids", true), field("note", "note", true), field("q", "q", false)],
        );
        let payload = bind(&form, json!({"ids": ["a b", "c"], "note": "x&y=1", "q": true})).unwrap();
        let expected = "incident%5Bids%5D%5B%5D=a%20b&incident%5Bids%5D%5B%5D=c&incident%5Bnote%5D=x%26y%3D1&q=true";
        assert_eq!(payload.encode(), expected);
        for bad in [json!({"ids": []}), json!({"note": null}), json!({"ids": [{"a": 1}]})] {
            assert!(bind(&form, bad).is_err());
        }
    }

    #[test]
    fn a_long_name_over_many_values_is_refused_before_it_is_repeated_for_each() {
        let form = plan(BodyKind::Form { array_suffix: "[]".into() }, None, vec![field("details", "details", false)]);
        let many: Map<String, Value> = (0..10_000).map(|n| (n.to_string(), json!(1))).collect();
        let long = "n".repeat(100_000);
        let ((), steps) = steps::counted(|| {
            for values in [Value::Object(many), json!(vec![1; 10_000])] {
                let fault = bind(&form, json!({"details": {&long: values}})).unwrap_err();
                assert!(fault.contains("shorter names"), "{}", fault.get(..200).unwrap_or(&fault));
            }
        });
        assert!(steps < 3 * MOST_NAMES as u64, "{steps} bytes of names were written");
    }

    #[test]
    fn a_file_takes_its_name_from_the_member_that_names_it() {
        let mut file = field("file", "file", false);
        file.part = PartKind::File { content_type: "application/octet-stream".into() };
        let mut name = field("file_name", "file_name", false);
        name.part = PartKind::FileName { of: "file".into() };
        let plan = plan(BodyKind::Multipart, None, vec![file, name, field("user", "user", false)]);
        let payload = bind(&plan, json!({"file": "aGVsbG8=", "file_name": "a.log", "user": "Kim"})).unwrap();
        let bytes = payload.encode();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.contains("name=\"file\"; filename=\"a.log\"") && text.contains("\r\n\r\nhello\r\n"), "{text}");
        assert!(!text.contains("file_name"), "{text}");
        assert!(payload.content_type().to_str().unwrap().starts_with("multipart/form-data; boundary="));
        for bad in
            [json!({"file": "no base64!", "file_name": "a"}), json!({"file": "aGk=", "file_name": "a\"\r\nX: y"})]
        {
            assert!(bind(&plan, bad).is_err());
        }
    }
}

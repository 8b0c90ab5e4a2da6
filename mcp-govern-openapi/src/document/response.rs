//! The responses of an operation: what a good answer holds, and its schema where it is known.

use serde_json::{Map, Value, json};

use super::{
    refs::{Checked, Components},
    schema::Schemas,
};
use crate::{
    plan::{Accepts, OutputPlan, Shape},
    pointer::Pointer,
};

/// What the 2xx responses state.
#[derive(Debug)]
pub(crate) struct Responses {
    pub(crate) accepts: Accepts,
    /// The media type to ask for.
    pub(crate) media: String,
    /// The schema of the body, when every 2xx response has the same single one.
    schema: Option<Value>,
}

impl Responses {
    /// Reads `responses`.
    pub(crate) fn read(components: Components<'_>, schemas: &mut Schemas<'_>, node: Option<&Value>) -> Checked<Self> {
        let mut media = None::<(u8, String)>;
        let mut found: Vec<Option<Value>> = Vec::new();
        let empty = Map::new();
        let all = match node {
            None => &empty,
            Some(node) => node.as_object().ok_or("`responses` is not an object")?,
        };
        for (status, node) in all.iter().filter(|(status, _)| status.starts_with('2')) {
            let response = components.object(node).map_err(|fault| format!("`responses.{status}`: {fault}"))?;
            let content = response.get("content").and_then(Value::as_object).unwrap_or(&empty);
            let best = content.iter().min_by_key(|(media, _)| rank(media));
            let schema = best.filter(|(media, _)| rank(media) == 0).and_then(|(_, node)| node.get("schema"));
            found.push(schema.cloned());
            if let Some((kind, _)) = best
                && media.as_ref().is_none_or(|(there, _)| rank(kind) < *there)
            {
                media = Some((rank(kind), kind.clone()));
            }
        }
        let accepts = match media.as_ref().map(|(rank, _)| rank) {
            None => Accepts::Anything,
            Some(0) => Accepts::Json,
            Some(1) => Accepts::Text,
            Some(_) => Accepts::Bytes,
        };
        let media = media.map_or_else(|| "application/json".to_owned(), |(_, media)| media);
        let schema = match found.as_slice() {
            [Some(schema)] => Some(schemas.show(schema).map_err(|fault| format!("`responses`: {fault}"))?.schema),
            _ => None,
        };
        Ok(Self { accepts, media, schema })
    }

    /// The schema of the items of a list, where it is known.
    pub(crate) fn item(&self, plan: &OutputPlan) -> Option<&Value> {
        let Shape::List(list) = &plan.shape else { return None };
        descend(self.schema.as_ref()?, &list.items)?.get("items")
    }

    /// The schema of the tool's result, where the body's is known and the result is an object.
    pub(crate) fn output_schema(&self, plan: &OutputPlan) -> Option<Value> {
        let schema = self.schema.as_ref()?;
        match &plan.shape {
            Shape::Whole => object_without(schema, &plan.drop),
            Shape::Root(pointer) => object_without(descend(schema, pointer)?, &plan.drop),
            Shape::List(list) => {
                let items = descend(schema, &list.items)?.get("items")?;
                let mut items = object_without(items, &plan.drop).unwrap_or_else(|| items.clone());
                // A caller may ask for some members alone.
                if let Some(items) = items.as_object_mut().filter(|_| plan.fields.is_some()) {
                    items.remove("required");
                }
                Some(json!({
                    "type": "object",
                    "required": ["items", "has_more", "next"],
                    "properties": {
                        "items": {"type": "array", "items": items},
                        "has_more": {"type": "boolean"},
                        "next": {"type": ["object", "null"], "description": "The arguments that give the next page."},
                        "total": {"type": "integer"},
                        "left_out": {"type": "array", "items": {"type": "string"}}
                    }
                }))
            }
        }
    }
}

/// 0 = JSON, 1 = text, 2 = bytes.
fn rank(media: &str) -> u8 {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "text/json" | "*/*" => 0,
        kind if kind.ends_with("+json") => 0,
        "application/xml" | "application/yaml" => 1,
        kind if kind.starts_with("text/") || kind.ends_with("+xml") => 1,
        _ => 2,
    }
}

fn descend<'a>(schema: &'a Value, pointer: &Pointer) -> Option<&'a Value> {
    pointer.tokens().iter().try_fold(schema, |schema, token| schema.get("properties")?.get(token))
}

fn object_without(schema: &Value, drop: &[String]) -> Option<Value> {
    let object = schema.as_object().filter(|object| object.get("type") == Some(&Value::from("object")))?;
    let mut object = object.clone();
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.retain(|name, _| !drop.contains(name));
    }
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|name| !drop.iter().any(|dropped| name == dropped));
    }
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::schema::Side,
        plan::{Fields, ListPlan, Paging},
    };

    fn read(node: Value) -> Responses {
        let document = json!({});
        let components = Components::new(&document);
        Responses::read(components, &mut Schemas::new(components, Side::Output), Some(&node)).unwrap()
    }

    #[test]
    fn the_result_has_a_schema_where_the_body_has_one() {
        let thing =
            json!({"type": "object", "required": ["id", "x"], "properties": {"id": {"type": "string"}, "x": {}}});
        let body = json!({"type": "object", "properties": {"data": thing, "list": {"type": "array", "items": thing}}});
        let responses = read(json!({"200": {"content": {"application/json": {"schema": body}}}, "404": {}}));
        let root = OutputPlan {
            shape: Shape::Root(Pointer::parse("/data").unwrap()),
            drop: vec!["x".into()],
            ..OutputPlan::default()
        };
        assert_eq!(responses.output_schema(&root).unwrap()["required"], json!(["id"]));
        let list = ListPlan {
            items: Pointer::parse("/list").unwrap(),
            page: Paging::None,
            more: None,
            next: None,
            total: None,
        };
        let list = OutputPlan { shape: Shape::List(list), ..OutputPlan::default() };
        let schema = responses.output_schema(&list).unwrap();
        assert_eq!(schema["properties"]["items"]["items"]["required"], json!(["id", "x"]));
        let fields = Fields::new(|_| false, responses.item(&list));
        let chosen = responses.output_schema(&OutputPlan { fields, ..list }).unwrap();
        assert!(chosen["properties"]["items"]["items"].get("required").is_none(), "members may be left out");
    }

    #[test]
    fn without_one_schema_for_every_success_nothing_is_promised() {
        let content = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
        let responses = read(json!({"200": content, "204": {"description": ""}}));
        assert!(responses.output_schema(&OutputPlan::default()).is_none());
        assert!(read(json!({"200": {}})).output_schema(&OutputPlan::default()).is_none());
    }

    #[test]
    fn json_comes_before_text_and_text_before_bytes() {
        let accepts = |media: &[&str]| {
            let content: Map<String, Value> = media.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
            read(json!({ "200": { "content": content } })).accepts
        };
        assert_eq!(accepts(&["text/csv", "application/vnd.x+json"]), Accepts::Json);
        assert_eq!(accepts(&["image/png", "text/calendar"]), Accepts::Text);
        assert_eq!(accepts(&["image/png"]), Accepts::Bytes);
        assert_eq!(accepts(&[]), Accepts::Anything);
    }
}

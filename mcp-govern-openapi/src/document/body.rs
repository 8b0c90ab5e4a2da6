//! The request body of an operation: which members become arguments.

use http::HeaderValue;
use serde_json::{Map, Value};

use super::{
    edition::Inherited,
    parameter::Argument,
    refs::{Checked, Components},
    schema::{Member, Members, Schemas},
};
use crate::plan::{BodyField, BodyKind, BodyPlan, Codec, PartKind};

/// The media types that are understood, the preferred one first.
fn kind_of(media: &str) -> Option<(u8, BodyKind)> {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some((0, BodyKind::Json)),
        kind if kind.ends_with("+json") => Some((1, BodyKind::Json)),
        "application/x-www-form-urlencoded" => Some((2, BodyKind::Form { array_suffix: String::new() })),
        "multipart/form-data" => Some((3, BodyKind::Multipart)),
        kind if kind.starts_with("text/") => Some((4, BodyKind::Text)),
        _ => None,
    }
}

/// Reads `requestBody`: how to make the body, and the arguments that fill it.
pub(crate) fn read(
    components: Components<'_>,
    schemas: &mut Schemas<'_>,
    node: &Value,
    unwrap: Option<&str>,
    given: &[Argument],
    inherited: Inherited<'_>,
) -> Checked<(BodyPlan, Vec<Argument>)> {
    let body = components.object(node)?;
    let content = body.get("content").and_then(Value::as_object).filter(|content| !content.is_empty());
    let content = content.ok_or("`requestBody` has no `content`")?;
    let best = content.iter().filter_map(|(media, node)| Some((kind_of(media)?, media, node)));
    let Some(((_, kind), media, node)) = best.min_by_key(|((rank, _), ..)| *rank) else {
        let found: Vec<&str> = content.keys().map(String::as_str).collect();
        return Err(format!("the media type `{}` is not supported in a request", found.join("`, `")));
    };
    if node.get("encoding").is_some() {
        return Err("`encoding` is not supported in a request body".to_owned());
    }
    let schema = node.get("schema").ok_or_else(|| format!("the request body `{media}` has no `schema`"))?;
    let root = schemas.root_of(schema)?;
    let array_suffix = root.get("x-array-suffix").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = if let BodyKind::Form { .. } = kind { BodyKind::Form { array_suffix } } else { kind };
    let media = HeaderValue::from_str(media).map_err(|_| format!("`{media}` is not a media type"))?;
    let plan = |kind, content_type| BodyPlan {
        kind,
        content_type,
        wrapper: unwrap.map(str::to_owned),
        fields: Vec::new(),
        whole: None,
        fixed: Vec::new(),
        looked_up: Vec::new(),
    };
    if kind == BodyKind::Multipart && unwrap.is_some() {
        return Err("`unwrap` is not supported in a multipart body".to_owned());
    }
    let required = body.get("required") == Some(&Value::Bool(true));
    let mut reader = Reader { plan: plan(kind, media), arguments: Vec::new(), given, inherited };
    if root.contains_key("properties") && !branches(&root) {
        reader.members(schemas, &root, unwrap)?;
    } else if unwrap.is_some() {
        return Err("`unwrap` needs a body schema with `properties`".to_owned());
    } else {
        reader.whole(schemas, schema, &root, required)?;
    }
    Ok((reader.plan, reader.arguments))
}

struct Reader<'a> {
    plan: BodyPlan,
    arguments: Vec<Argument>,
    /// Those of the path, the query and the headers.
    given: &'a [Argument],
    inherited: Inherited<'a>,
}

impl Reader<'_> {
    fn members(&mut self, schemas: &mut Schemas<'_>, root: &Map<String, Value>, unwrap: Option<&str>) -> Checked<()> {
        let Some(wrapper) = unwrap else {
            let members = schemas.members(root)?;
            return self.take(members, None);
        };
        let mut outer = root.clone();
        let properties = outer.get_mut("properties").and_then(Value::as_object_mut);
        let inner = properties.and_then(|properties| properties.remove(wrapper));
        let inner = inner.ok_or_else(|| format!("`unwrap: {wrapper}` names no property of the body"))?;
        if let Some(Value::Array(required)) = outer.get_mut("required") {
            required.retain(|name| name != wrapper);
        }
        let object = schemas.root_of(&inner)?;
        if !object.contains_key("properties") || branches(&object) {
            return Err(format!("`unwrap: {wrapper}` needs an object with `properties` there"));
        }
        let inner = schemas.members(&object)?;
        self.take(inner, Some(wrapper))?;
        let outer = schemas.members(&outer)?;
        self.take(outer, None)
    }

    fn take(&mut self, members: Members, wrapper: Option<&str>) -> Checked<()> {
        for (name, value) in members.fixed {
            let path = wrapper.map(str::to_owned).into_iter().chain([name]).collect();
            self.plan.fixed.push((path, value));
        }
        for member in members.shown {
            let part = self.part(&member)?;
            if let Some(same) = member.source.get("x-same-as") {
                let codec = member.shown.codec;
                self.repeat(member.name, same, codec, wrapper.is_some())?;
                continue;
            }
            if let Some(lookup) = member.source.get("x-lookup") {
                self.look_up(member.name, lookup, wrapper.is_some())?;
                continue;
            }
            let stated = member.source.get("x-argument").and_then(Value::as_str);
            let argument = self.inherited.argument(&member.name, stated)?;
            let Value::Object(schema) = member.shown.schema else {
                return Err(format!("`{}` needs a schema that names its type", member.name));
            };
            if self.plan.kind != BodyKind::Json && member.shown.codec != Codec::Same {
                return Err(format!("`{}`: members can be rewritten in JSON bodies only", member.name));
            }
            self.arguments.push(Argument { name: argument.clone(), schema, required: member.required });
            let inside = wrapper.is_some();
            self.plan.fields.push(BodyField {
                argument,
                name: member.name,
                wrapped: inside,
                codec: member.shown.codec,
                part,
            });
        }
        Ok(())
    }

    /// A member that has the value of an argument which another member has already.
    fn repeat(&mut self, name: String, same: &Value, codec: Codec, wrapped: bool) -> Checked<()> {
        let is_json = self.plan.kind == BodyKind::Json;
        let before = self.given.iter().find(|argument| same.as_str() == Some(&argument.name)).filter(|_| is_json);
        if let Some(Argument { name: argument, .. }) = before {
            let (argument, part) = (argument.clone(), PartKind::Field);
            self.plan.fields.push(BodyField { argument, name, wrapped, codec, part });
            return Ok(());
        }
        let known = same.as_str().and_then(|same| self.plan.fields.iter().find(|field| field.argument == same));
        let Some(field) = known.filter(|_| self.plan.kind == BodyKind::Json) else {
            return Err(format!("`{name}`: `x-same-as` names no argument before it, of the path or of a JSON body"));
        };
        self.plan.fields.push(BodyField { name, wrapped, ..field.clone() });
        Ok(())
    }

    /// A member whose value is looked up and never given.
    fn look_up(&mut self, name: String, lookup: &Value, wrapped: bool) -> Checked<()> {
        let Some(argument) = lookup.as_str().filter(|_| self.plan.kind == BodyKind::Json).map(str::to_owned) else {
            return Err(format!("`{name}`: `x-lookup` names one of the document's `lookups`, in a JSON body"));
        };
        self.plan.looked_up.push(argument.clone());
        let (codec, part) = (Codec::Same, PartKind::Field);
        self.plan.fields.push(BodyField { argument, name, wrapped, codec, part });
        Ok(())
    }

    fn part(&self, member: &Member) -> Checked<PartKind> {
        let text = |key: &str| member.source.get(key).and_then(Value::as_str);
        let multipart = self.plan.kind == BodyKind::Multipart;
        if text("format") == Some("binary") && multipart {
            return Err(format!("`{}`: bytes cannot be given in JSON; use `contentEncoding: base64`", member.name));
        }
        match (text("x-filename-of"), text("contentEncoding")) {
            (Some(_), _) if !multipart => {
                Err(format!("`{}`: `x-filename-of` works in multipart bodies only", member.name))
            }
            (Some(of), _) => Ok(PartKind::FileName { of: of.to_owned() }),
            (None, Some("base64")) if multipart => {
                let content_type = text("contentMediaType").unwrap_or("application/octet-stream").to_owned();
                HeaderValue::from_str(&content_type).map_err(|_| format!("`{content_type}` is not a media type"))?;
                Ok(PartKind::File { content_type })
            }
            (None, Some(other)) if multipart => Err(format!("`contentEncoding: {other}` is not supported")),
            (None, _) => Ok(PartKind::Field),
        }
    }

    /// A body that is a list, a map or a plain value, or whose form depends on a branch, is one argument.
    fn whole(
        &mut self,
        schemas: &mut Schemas<'_>,
        schema: &Value,
        root: &Map<String, Value>,
        required: bool,
    ) -> Checked<()> {
        if matches!(self.plan.kind, BodyKind::Form { .. } | BodyKind::Multipart) {
            return Err("a form needs a schema with `properties`".to_owned());
        }
        let shown = schemas.show(schema)?;
        let Value::Object(shown_schema) = shown.schema else { return Err("the body needs a schema".to_owned()) };
        let argument = self.inherited.argument("body", root.get("x-argument").and_then(Value::as_str))?;
        self.arguments.push(Argument { name: argument.clone(), schema: shown_schema, required });
        let part = PartKind::Field;
        self.plan.whole = Some(BodyField { argument, name: String::new(), wrapped: false, codec: shown.codec, part });
        Ok(())
    }
}

fn branches(schema: &Map<String, Value>) -> bool {
    ["oneOf", "anyOf", "allOf"].iter().any(|key| schema.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::schema::Side;

    fn read_body(media: &str, schema: Value, unwrap: Option<&str>) -> Checked<(BodyPlan, Vec<Argument>)> {
        let document = json!({});
        let components = Components::new(&document);
        let node = json!({"required": true, "content": {media: {"schema": schema}}});
        read(components, &mut Schemas::new(components, Side::Input), &node, unwrap, &[], Inherited::default())
    }

    #[test]
    fn unwrapped_members_and_siblings_of_the_wrapper_become_arguments() {
        let schema = json!({"type": "object", "required": ["group"], "properties": {
            "group": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "visibleTo": {"type": "array"}, "type": {"x-fixed": "g"}}},
            "description": {"type": "string"}}});
        let (plan, arguments) = read_body("application/json", schema, Some("group")).unwrap();
        let names: Vec<_> = arguments.iter().map(|a| (a.name.as_str(), a.required)).collect();
        assert_eq!(names, [("name", true), ("visible_to", false), ("description", false)]);
        assert_eq!(plan.fixed, [(vec!["group".to_owned(), "type".to_owned()], json!("g"))]);
    }

    #[test]
    fn a_body_without_named_members_is_one_argument() {
        for schema in [
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "object", "additionalProperties": true}),
            json!({"oneOf": [{"type": "string"}, {"type": "object"}], "x-argument": "rule"}),
        ] {
            let (plan, arguments) = read_body("application/json", schema, None).unwrap();
            assert_eq!(arguments.len(), 1);
            assert!(plan.whole.is_some() && arguments[0].required);
        }
    }

    #[test]
    fn json_is_preferred_and_unknown_media_types_are_named() {
        let document = json!({});
        let components = Components::new(&document);
        let mut schemas = Schemas::new(components, Side::Input);
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let node = json!({"content": {
            "multipart/form-data": {"schema": schema}, "application/vnd.x+json": {"schema": schema}}});
        let (plan, _) = read(components, &mut schemas, &node, None, &[], Inherited::default()).unwrap();
        assert_eq!(plan.content_type, "application/vnd.x+json");
        assert!(read_body("application/xml", json!({}), None).unwrap_err().contains("application/xml"));
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let object = |property: Value| json!({"type": "object", "properties": {"a": property}});
        for (media, schema, unwrap, part) in [
            ("application/json", object(json!({"type": "string"})), Some("b"), "unwrap: b"),
            ("application/json", object(json!({"type": "string"})), Some("a"), "needs an object"),
            ("application/json", json!({"type": "array"}), Some("a"), "`unwrap` needs"),
            ("application/json", object(json!({"x-filename-of": "b"})), None, "multipart bodies only"),
            ("multipart/form-data", object(json!({"type": "string", "format": "binary"})), None, "base64"),
            ("multipart/form-data", json!({"type": "array"}), None, "form needs"),
            ("application/json", object(json!({"x-same-as": "b"})), None, "`x-same-as` names no argument"),
            (
                "application/x-www-form-urlencoded",
                object(json!({"type": "object", "x-wraps": "b", "properties": {"b": {}}})),
                None,
                "JSON bodies only",
            ),
        ] {
            let error = read_body(media, schema, unwrap).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}

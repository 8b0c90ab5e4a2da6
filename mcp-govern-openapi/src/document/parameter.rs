//! Parameters of an operation: path, query, header.

use std::borrow::Cow;

use http::HeaderName;
use mcp_govern_core::{AuthMethodId, BoundArgument, Location};
use serde_json::{Map, Value};

use super::{
    edition::Inherited,
    refs::{Checked, Components, short},
    schema::Schemas,
};
use crate::{
    header::check_header_name,
    plan::{Codec, ConfigHeader, ConfigSegment, Fields, HeaderParam, PathParam, QueryParam, QueryStyle, Slash},
};

/// An argument as a model sees it.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) schema: Map<String, Value>,
    pub(crate) required: bool,
}

impl Argument {
    /// The argument that chooses members of a list's items.
    pub(crate) fn of_fields(fields: &Fields) -> Self {
        Self { name: fields.argument.to_owned(), schema: Fields::schema(), required: false }
    }
}

/// The parameters of an operation.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) arguments: Vec<Argument>,
    pub(crate) path: Vec<PathParam>,
    pub(crate) query: Vec<QueryParam>,
    pub(crate) headers: Vec<HeaderParam>,
    pub(crate) config: Vec<ConfigHeader>,
    /// Parts of the path that the server's configuration fills in.
    pub(crate) segments: Vec<ConfigSegment>,
    pub(crate) bound: Vec<BoundArgument>,
}

/// These belong to the request's body and credential; OpenAPI 3.1 (parameter object) says to ignore them.
const IGNORED: [&str; 3] = ["accept", "content-type", "authorization"];

/// How many characters a text in these places may have where the document states no bound. No identifier is longer, and a request
/// whose head is longer than some kilobytes is refused by most servers.
const LONGEST_IN_PATH: u64 = 512;
const LONGEST_IN_HEADER: u64 = 1_024;
const LONGEST_IN_QUERY: u64 = 4_096;

/// Formats whose texts are of bounded length.
const SHORT: [&str; 4] = ["date", "ipv4", "ipv6", "uuid"];

impl Parameters {
    /// Reads the parameters of the path, of the operation and of its paging style; the operation's own replace the others.
    pub(crate) fn read<'a>(
        components: Components<'a>,
        schemas: &mut Schemas<'a>,
        of_path: Option<&'a Value>,
        of_operation: Option<&'a Value>,
        of_page: &'a [Value],
        inherited: Inherited<'_>,
    ) -> Checked<Self> {
        let mut all: Vec<Cow<'a, Map<String, Value>>> = Vec::new();
        for list in [of_path, of_operation].into_iter().flatten() {
            let list = list.as_array().ok_or("`parameters` is not a list")?;
            let mut own: Vec<Cow<'a, Map<String, Value>>> = Vec::new();
            for node in list {
                let parameter = components.object(node)?;
                if own.iter().any(|other| same(other, &parameter)) {
                    return Err(format!("the parameter `{}` is defined twice", text(&parameter, "name")));
                }
                own.push(parameter);
            }
            all.retain(|other| own.iter().all(|parameter| !same(other, parameter)));
            all.append(&mut own);
        }
        for node in of_page {
            let parameter = components.object(node)?;
            if !all.iter().any(|other| same(other, &parameter)) {
                all.push(parameter);
            }
        }
        let mut parameters = Self::default();
        for parameter in &all {
            let name = text(parameter, "name").to_owned();
            parameters
                .add(schemas, &name, parameter, inherited)
                .map_err(|fault| format!("the parameter `{name}`: {fault}"))?;
        }
        Ok(parameters)
    }

    fn add(
        &mut self,
        schemas: &mut Schemas<'_>,
        name: &str,
        parameter: &Map<String, Value>,
        inherited: Inherited<'_>,
    ) -> Checked<()> {
        if name.is_empty() {
            return Err("has no name".to_owned());
        }
        for refused in ["content", "allowReserved"] {
            if parameter.get(refused).is_some_and(|value| *value != Value::Bool(false)) {
                return Err(format!("`{refused}` is not supported"));
            }
        }
        let location = text(parameter, "in");
        if location == "header" && IGNORED.contains(&name.to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        if let Some(key) = parameter.get("x-config") {
            return self.add_config(name, location, key, parameter);
        }
        let argument = inherited.argument(name, parameter.get("x-argument").and_then(Value::as_str))?;
        let mut schema = match (parameter.get("schema"), inherited.schema(&argument)) {
            (Some(schema), _) => schema_of(schemas, schema)?,
            (None, Some(known)) => known.clone(),
            (None, None) => return Err("has no `schema`".to_owned()),
        };
        for kept in ["description", "deprecated", "x-personal"] {
            if let Some(value) = parameter.get(kept) {
                schema.insert(kept.to_owned(), value.clone());
            }
        }
        // Neither can be sent outside of a body, where to leave the argument out says the same: as an annotation it would invite
        // a value that is refused.
        if schema.get("default").is_some_and(|default| default.is_null() || *default == Value::Array(Vec::new())) {
            schema.remove("default");
        }
        let required = parameter.get("required") == Some(&Value::Bool(true));
        let location = self.place(name, &argument, location, parameter, &mut schema)?;
        self.bound.push(BoundArgument { argument: argument.clone(), location, name: name.to_owned() });
        self.arguments.push(Argument { name: argument, schema, required: required || location == Location::Path });
        Ok(())
    }

    fn place(
        &mut self,
        name: &str,
        argument: &str,
        location: &str,
        parameter: &Map<String, Value>,
        schema: &mut Map<String, Value>,
    ) -> Checked<Location> {
        let kinds = types(schema);
        let style = parameter.get("style").and_then(Value::as_str);
        let explode = parameter.get("explode").and_then(Value::as_bool);
        let argument = argument.to_owned();
        match location {
            "path" => {
                if style.is_some_and(|style| style != "simple") || kinds.array || kinds.object {
                    return Err("a path parameter is one plain value in the style `simple`".to_owned());
                }
                let slash = match parameter.get("x-slash").map(Value::as_str) {
                    None => Slash::Refused,
                    Some(Some("encoded")) => Slash::Encoded,
                    Some(_) => return Err("`x-slash` can only be `encoded`".to_owned()),
                };
                if kinds.string && !schema.contains_key("enum") {
                    schema.entry("minLength").or_insert(Value::from(1));
                }
                bound_texts(schema, LONGEST_IN_PATH);
                self.path.push(PathParam { name: name.to_owned(), argument, slash });
                Ok(Location::Path)
            }
            "query" => {
                let style = query_style(style, explode, &kinds)?;
                if kinds.array {
                    schema.entry("minItems").or_insert(Value::from(1));
                }
                bound_texts(schema, LONGEST_IN_QUERY);
                self.query.push(QueryParam { name: name.to_owned(), argument, style });
                Ok(Location::Query)
            }
            "header" => {
                if style.is_some_and(|style| style != "simple") || kinds.object {
                    return Err("a header parameter is a plain value or a list in the style `simple`".to_owned());
                }
                let name: HeaderName = check_header_name(name)?;
                bound_texts(schema, LONGEST_IN_HEADER);
                self.headers.push(HeaderParam { name, argument });
                Ok(Location::Header)
            }
            "cookie" => Err("`in: cookie` is not supported".to_owned()),
            other => Err(format!("`in: {other}` is not known: expected path, query or header")),
        }
    }

    fn add_config(&mut self, name: &str, location: &str, key: &Value, parameter: &Map<String, Value>) -> Checked<()> {
        let key = key.as_str().ok_or_else(|| format!("`x-config: {}` is not a text", short(key)))?;
        match location {
            "header" => {}
            "path" if parameter.contains_key("x-when") => return Err("`x-when` works for headers only".to_owned()),
            "path" => {
                self.segments.push(ConfigSegment { name: name.to_owned(), key: key.to_owned() });
                return Ok(());
            }
            _ => return Err("`x-config` works for headers and in the path only".to_owned()),
        }
        let when = match parameter.get("x-when") {
            None => None,
            Some(Value::String(method)) => Some(AuthMethodId::new(method).map_err(|error| error.to_string())?),
            Some(other) => return Err(format!("`x-when: {}` is not a text", short(other))),
        };
        let required = parameter.get("required") == Some(&Value::Bool(true));
        self.config.push(ConfigHeader {
            name: check_header_name(name)?,
            stated: name.to_owned(),
            key: key.to_owned(),
            when,
            required,
        });
        Ok(())
    }
}

fn schema_of(schemas: &mut Schemas<'_>, schema: &Value) -> Checked<Map<String, Value>> {
    let shown = schemas.show(schema)?;
    if shown.codec != Codec::Same {
        return Err("`x-argument`, `x-fixed` and `x-wraps` work within bodies only".to_owned());
    }
    match shown.schema {
        Value::Object(schema) => Ok(schema),
        _ => Err("needs a schema that names its type".to_owned()),
    }
}

struct Kinds {
    array: bool,
    object: bool,
    string: bool,
}

fn types(schema: &Map<String, Value>) -> Kinds {
    let has = |wanted: &str| match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    };
    Kinds {
        array: has("array") || schema.contains_key("items"),
        object: has("object") || schema.contains_key("properties"),
        string: has("string"),
    }
}

/// States a longest length for every text that the schema leaves open, at any depth.
///
/// INVARIANT: no text of path, header or query is unbounded (`texts_of_path_header_and_query_are_bounded`).
fn bound_texts(schema: &mut Map<String, Value>, longest: u64) {
    let bounded = |key: &&str| schema.contains_key(*key);
    let short = schema.get("format").and_then(Value::as_str).is_some_and(|format| SHORT.contains(&format));
    if short || ["enum", "const", "maxLength"].iter().any(bounded) {
        return;
    }
    let branches = ["anyOf", "oneOf"].into_iter().find(bounded);
    match (schema.get("type"), branches) {
        (None, Some(key)) => {
            let branches = schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
            branches.filter_map(Value::as_object_mut).for_each(|branch| bound_texts(branch, longest));
        }
        (kinds, _) if kinds.is_none() || types(schema).string => {
            let shortest = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
            schema.insert("maxLength".to_owned(), Value::from(longest.max(shortest)));
        }
        _ => {}
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key).and_then(Value::as_object_mut) {
            bound_texts(inner, longest);
        }
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for inner in properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        bound_texts(inner, longest);
    }
}

fn query_style(style: Option<&str>, explode: Option<bool>, kinds: &Kinds) -> Checked<QueryStyle> {
    let style = style.unwrap_or("form");
    match (style, explode.unwrap_or(style == "form")) {
        ("deepObject", _) if kinds.object => Ok(QueryStyle::Deep),
        ("deepObject", _) => Err("`style: deepObject` needs a schema of type object".to_owned()),
        _ if kinds.object => Err("an object in the query needs `style: deepObject`".to_owned()),
        ("form", true) => Ok(QueryStyle::Repeat),
        ("form", false) => Ok(QueryStyle::Separated(',')),
        ("spaceDelimited", false) => Ok(QueryStyle::Separated(' ')),
        ("pipeDelimited", false) => Ok(QueryStyle::Separated('|')),
        (style, explode) => Err(format!("`style: {style}` with `explode: {explode}` is not supported in the query")),
    }
}

fn text<'a>(parameter: &'a Map<String, Value>, key: &str) -> &'a str {
    parameter.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn same(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.get("name") == b.get("name") && a.get("in") == b.get("in")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::schema::Side;

    fn read(of_path: Value, of_operation: Value) -> Checked<Parameters> {
        let document = Box::leak(Box::new(json!({})));
        let components = Components::new(document);
        let lists = Box::leak(Box::new((of_path, of_operation)));
        let mut schemas = Schemas::new(components, Side::Input);
        Parameters::read(components, &mut schemas, Some(&lists.0), Some(&lists.1), &[], Inherited::default())
    }

    fn one(parameter: Value) -> Checked<Parameters> {
        read(json!([]), json!([parameter]))
    }

    #[test]
    fn the_operations_parameter_replaces_the_paths() {
        let of_path = json!([{"name": "a", "in": "query", "schema": {"type": "string"}}]);
        let own = json!([{"name": "a", "in": "query", "required": true, "schema": {"type": "integer"}}]);
        let parameters = read(of_path, own).unwrap();
        assert_eq!(parameters.arguments.len(), 1);
        assert!(parameters.arguments[0].required);
    }

    #[test]
    fn the_parameters_of_a_paging_style_come_last_and_give_way_to_the_operations_own() {
        let document = json!({});
        let components = Components::new(&document);
        let mut schemas = Schemas::new(components, Side::Input);
        let own = json!([{"name": "limit", "in": "query", "required": true, "schema": {"type": "integer"}},
                         {"name": "q", "in": "query", "schema": {"type": "string"}}]);
        let of_page = [
            json!({"name": "page", "in": "query", "schema": {"type": "integer"}}),
            json!({"name": "limit", "in": "query", "schema": {"type": "integer"}}),
        ];
        let parameters =
            Parameters::read(components, &mut schemas, None, Some(&own), &of_page, Inherited::default()).unwrap();
        let names: Vec<_> = parameters.arguments.iter().map(|a| (a.name.as_str(), a.required)).collect();
        assert_eq!(names, [("limit", true), ("q", false), ("page", false)]);
    }

    #[test]
    fn styles_follow_the_rules_of_openapi() {
        let style = |style: Option<&str>, explode: Option<bool>| {
            let mut parameter = json!({"name": "a[]", "in": "query", "schema": {"type": "array", "items": {}}});
            if let Some(style) = style {
                parameter["style"] = json!(style);
            }
            if let Some(explode) = explode {
                parameter["explode"] = json!(explode);
            }
            one(parameter).map(|p| p.query[0].style)
        };
        assert_eq!(style(None, None), Ok(QueryStyle::Repeat));
        assert_eq!(style(Some("form"), Some(false)), Ok(QueryStyle::Separated(',')));
        assert_eq!(style(Some("pipeDelimited"), None), Ok(QueryStyle::Separated('|')));
        assert!(style(Some("spaceDelimited"), Some(true)).is_err());
        assert!(style(Some("matrix"), None).unwrap_err().contains("matrix"));
    }

    #[test]
    fn lists_in_the_query_and_texts_in_the_path_are_never_empty() {
        let parameters = one(json!({"name": "a[]", "in": "query", "schema": {"type": "array"}})).unwrap();
        assert_eq!(parameters.arguments[0].schema["minItems"], 1);
        let parameters =
            one(json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}})).unwrap();
        assert_eq!(parameters.arguments[0].schema["minLength"], 1);
    }

    #[test]
    fn a_default_that_only_a_body_could_hold_is_not_shown() {
        for (location, schema) in [
            ("query", json!({"type": "array", "items": {"type": "string"}, "default": []})),
            ("query", json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null})),
            ("header", json!({"type": ["string", "null"], "default": null})),
            ("path", json!({"type": "string", "default": null})),
        ] {
            let parameter = json!({"name": "a", "in": location, "required": location == "path", "schema": schema});
            assert!(!one(parameter).unwrap().arguments[0].schema.contains_key("default"), "{location} {schema}");
        }
        let kept = one(json!({"name": "a", "in": "query", "schema": {"type": "integer", "default": 3}})).unwrap();
        assert_eq!(kept.arguments[0].schema["default"], 3);
    }

    #[test]
    fn texts_of_path_header_and_query_are_bounded() {
        let shown = |place: &str, schema: Value| {
            let stated = json!({"name": "a", "in": place, "required": true, "style": null, "schema": schema});
            Value::Object(one(stated).unwrap().arguments[0].schema.clone())
        };
        let text = || json!({"type": "string"});
        assert_eq!(shown("path", text())["maxLength"], 512);
        assert_eq!(shown("header", text())["maxLength"], 1_024);
        assert_eq!(shown("query", text())["maxLength"], 4_096);
        assert_eq!(shown("query", json!({"type": ["string", "null"], "pattern": "^a"}))["maxLength"], 4_096);
        assert_eq!(shown("query", json!({"type": "array", "items": text()}))["items"]["maxLength"], 4_096);
        assert_eq!(shown("header", json!({"items": {}}))["items"]["maxLength"], 1_024);
        let either = shown("query", json!({"anyOf": [{"type": "integer"}, text(), {"enum": ["a"]}]}));
        assert_eq!(
            either,
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 4_096}, {"enum": ["a"]}]})
        );
        let mut deep = json!({"name": "a", "in": "query", "style": "deepObject"});
        deep["schema"] = json!({"type": "object", "properties": {"b": text()}, "additionalProperties": text()});
        let deep = Value::Object(one(deep).unwrap().arguments[0].schema.clone());
        assert_eq!(deep["properties"]["b"]["maxLength"], 4_096);
        assert_eq!(deep["additionalProperties"]["maxLength"], 4_096);
        // What the document states stands, and what is short by itself needs no bound.
        assert_eq!(shown("query", json!({"type": "string", "maxLength": 9_000}))["maxLength"], 9_000);
        assert_eq!(shown("path", json!({"type": "string", "minLength": 600}))["maxLength"], 600);
        for short in [
            json!({"type": "integer"}),
            json!({"type": "string", "enum": ["a"]}),
            json!({"const": "a"}),
            json!({"type": "string", "format": "uuid"}),
        ] {
            assert_eq!(shown("query", short.clone())["maxLength"], json!(null), "{short}");
        }
    }

    #[test]
    fn a_header_of_the_configuration_is_no_argument() {
        let stated = json!({"name": "From", "in": "header", "required": true, "x-config": "actor", "x-when": "api_key",
                            "schema": {"type": "string"}});
        let parameters = one(stated).unwrap();
        assert!(parameters.arguments.is_empty());
        assert_eq!(parameters.config[0].key, "actor");
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        for (parameter, part) in [
            (json!({"name": "a", "in": "cookie", "schema": {}}), "cookie"),
            (json!({"name": "a", "in": "body", "schema": {}}), "in: body"),
            (json!({"name": "a", "in": "path", "style": "matrix", "schema": {}}), "simple"),
            (json!({"name": "a", "in": "path", "schema": {"type": "array"}}), "plain value"),
            (json!({"name": "a", "in": "query", "content": {}}), "content"),
            (json!({"name": "a", "in": "query", "allowReserved": true, "schema": {}}), "allowReserved"),
            (json!({"name": "a", "in": "query", "schema": {"type": "object"}}), "deepObject"),
            (json!({"name": "Host", "in": "header", "schema": {}}), "Host"),
            (json!({"name": "a", "in": "query"}), "schema"),
            (json!({"name": "a", "in": "query", "x-config": "k", "schema": {}}), "headers and in the path only"),
            (json!({"name": "2a", "in": "query", "schema": {}}), "x-argument"),
        ] {
            let error = one(parameter).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let twice = json!([{"name": "a", "in": "query", "schema": {}}, {"name": "a", "in": "query", "schema": {}}]);
        assert!(read(json!([]), twice).unwrap_err().contains("twice"));
    }
}

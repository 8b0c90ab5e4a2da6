//! Rows that say only what is peculiar to them: defaults, generated sentences, recipes in the document, and the lints.

use async_trait::async_trait;
use mcp_govern_core::{Effect, Risk};
use serde_json::json;

use super::*;
use crate::{DocumentErrorKind, Recipe, RowCaller, catalog_line, lint_directory, lint_documents, merge_documents};

/// The document with everything that its operations share.
const MAIN: &str = r##"
openapi: 3.1.0
info: {title: Garden, version: "1"}
servers: [{url: "https://garden.example/v1"}]
security: [{api_key: []}]
x-govern:
  catalogue: 1
  pages:
    standard:
      {style: number, page: page, size: per_page, default: 10, max: 50, items: /data,
       parameters: [{$ref: "#/components/parameters/Page"}, {$ref: "#/components/parameters/PerPage"}]}
x-govern-defaults:
  responses: {"2XX": {description: As the vendor sent it., content: {application/json: {}}}}
  x-govern:
    last_sentence: {read: Changes nothing., nobody: Notifies nobody.}
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization}
  parameters:
    Page: {name: page, in: query, description: Which page., schema: {type: integer, minimum: 1}}
    PerPage: {name: per_page, in: query, description: How many., schema: {type: integer}}
"##;

const BEDS: &str = r"
x-govern-defaults:
  tags: [beds]
  x-govern: {rate_domain: beds, unwrap: bed}
paths:
  /beds:
    get:
      operationId: list_beds
      x-govern: {effect: read, page: standard}
      summary: List beds
      description: Lists the beds of the garden, see dig_bed.
    post:
      operationId: dig_bed
      x-govern: {effect: write, notifies: nobody}
      summary: Dig a bed
      description: Digs a bed where nothing grows.
      requestBody: {content: {application/json: {schema: {type: object, required: [bed], properties: {
        bed: {type: object, properties: {soilType: {type: string, description: What soil.}}}}}}}}
  /beds/{bed}:
    x-govern-defaults: {tags: [single_beds]}
    parameters: [{name: bed, in: path, required: true, description: Which., schema: {type: string}}]
    delete:
      operationId: clear_bed
      x-govern: {effect: destructive, risk: sensitive, why: The plants are gone., notifies: Whoever planted them.}
      summary: Clear a bed
      description: Takes everything out of a bed.
x-govern-recipes:
  dig_two_beds:
    summary: Dig two beds
    description: >-
      Digs two beds of one soil, one behind the other.
    tags: [beds]
    x-govern: {effect: write, notifies: nobody, send: {hurry: false}, keys_of: {rows: bed}}
    reason: It makes the same request two times.
    uses: [dig_bed]
    borrows: {dig_bed: [soil_type]}
    arguments:
      hurry: {type: boolean, description: Whether to dig at night.}
      rows: {type: array, items: {type: string}, description: Which rows.}
    required: [soil_type]
";

fn merged(beds: &str) -> String {
    merge_documents([("openapi.yaml", MAIN), ("beds.yaml", beds)]).unwrap().to_string()
}

#[derive(Debug)]
struct Twice;

#[async_trait]
impl Recipe for Twice {
    async fn run(
        &self,
        rows: &RowCaller<'_>,
        arguments: &Map<String, Value>,
        _cx: &CallContext<'_>,
    ) -> Result<Value, ProviderError> {
        let soil = || map(json!({"soil_type": arguments["soil_type"]}));
        rows.call("dig_bed", soil()).await?;
        Ok(json!({"second": rows.call("dig_bed", soil()).await?.to_value()?}))
    }
}

fn garden(beds: &str) -> Result<OpenApiProvider, crate::DocumentError> {
    OpenApiProvider::builder().document(merged(beds)).recipe("dig_two_beds", Twice).build()
}

fn line(provider: &OpenApiProvider, name: &str) -> Value {
    catalog_line(provider.catalogue().tool(&ToolName::new(name).unwrap()).unwrap(), &"garden".parse().unwrap())
}

/// The same garden with everything written out.
const LONG: &str = r##"
paths:
  /beds:
    get:
      operationId: list_beds
      tags: [beds]
      summary: List beds
      description: Lists the beds of the garden, see dig_bed. Changes nothing.
      parameters:
        - {$ref: "#/components/parameters/Page"}
        - {$ref: "#/components/parameters/PerPage"}
      responses: {"200": {description: Beds., content: {application/json: {}}}}
      x-govern:
        effect: read
        rate_domain: beds
        output: {items: /data}
        page: {style: number, page: page, size: per_page, default: 10, max: 50}
        last_sentence: {}
    post:
      operationId: dig_bed
      tags: [beds]
      summary: Dig a bed
      description: Digs a bed where nothing grows. Notifies nobody.
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [bed]
              properties:
                bed: {type: object, properties: {soilType: {type: string, x-argument: soil_type, description: What soil.}}}
      responses: {"200": {description: A bed., content: {application/json: {}}}}
      x-govern: {effect: write, rate_domain: beds, unwrap: bed, last_sentence: {}}
  /beds/{bed}:
    parameters: [{name: bed, in: path, required: true, description: Which., schema: {type: string}}]
    delete:
      operationId: clear_bed
      tags: [single_beds]
      summary: Clear a bed
      description: Takes everything out of a bed.
      x-govern:
        {effect: destructive, risk: sensitive, why: The plants are gone., notifies: Whoever planted them., rate_domain: beds}
"##;

#[test]
fn what_is_said_once_gives_the_same_tools_as_what_is_written_out() {
    let short = garden(BEDS).unwrap();
    let long = OpenApiProvider::from_document(&merged(LONG)).unwrap();
    for tool in &long.catalogue().tools {
        let same = short.catalogue().tool(&tool.name).unwrap();
        assert_eq!(line(&short, tool.name.as_str()), line(&long, tool.name.as_str()));
        assert_eq!(same.digest().unwrap(), tool.digest().unwrap());
    }
    assert_eq!((short.catalogue().tools.len(), long.catalogue().tools.len()), (4, 3));
}

#[test]
fn a_key_of_the_operation_stands_before_the_defaults() {
    let beds = BEDS.replace(
        "      x-govern: {effect: read, page: standard}",
        "      x-govern: {effect: read, page: null, last_sentence: {read: Looks only.}}\n      tags: [other]",
    );
    let list = line(&garden(&beds).unwrap(), "list_beds");
    assert_eq!(list["description"], "Lists the beds of the garden, see dig_bed. Looks only.");
    assert_eq!((&list["bindings"], &list["classification"]), (&json!([]), &json!("read")));
}

#[tokio::test(start_paused = true)]
async fn a_recipe_of_the_document_is_a_tool_that_its_function_runs() {
    let script = Script::new([json(200, json!({"bed": 1})), json(200, json!({"bed": 2}))]);
    let provider = builder(&merged(BEDS), &script).recipe("dig_two_beds", Twice).build().unwrap();
    let tool = provider.catalogue().tool(&ToolName::new("dig_two_beds").unwrap()).unwrap().clone();
    assert_eq!((tool.effect, tool.risk, tool.area.as_deref()), (Effect::Write, Risk::None, Some("beds")));
    assert_eq!(tool.description, "Digs two beds of one soil, one behind the other.");
    assert_eq!((tool.notifies.as_ref(), json!(tool.send())), (None, json!({"hurry": false})));
    assert_eq!(tool.input_schema["properties"]["rows"][mcp_govern_core::check::KEYS_OF], "bed");
    assert_eq!(tool.input_schema["required"], json!(["soil_type"]));
    let server = provider.open_server(&spec(&provider)).unwrap();
    let output = call(&server, "dig_two_beds", json!({"soil_type": "sand"})).await.unwrap();
    assert_eq!(output.to_value().unwrap(), json!({"second": {"bed": 2}}));
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn an_entry_without_a_function_and_a_function_without_an_entry_are_errors() {
    let alone = OpenApiProvider::from_document(&merged(BEDS)).unwrap_err();
    assert_eq!(alone.kind(), DocumentErrorKind::Recipe);
    assert!(alone.to_string().contains("recipe `dig_two_beds`: stands in `x-govern-recipes`"), "{alone}");
    let both = OpenApiProvider::builder().document(merged(BEDS)).recipe("dig_too_beds", Twice).build().unwrap_err();
    let both = both.to_string();
    assert!(both.contains("`dig_two_beds`: stands in") && both.contains("`dig_too_beds`: is registered"), "{both}");
    let twice = OpenApiProvider::builder().document(merged(BEDS));
    let twice = twice.recipe("dig_two_beds", Twice).recipe("dig_two_beds", Twice).build().unwrap_err();
    assert!(twice.to_string().contains("name of another tool"), "{twice}");
}

#[test]
fn a_faulty_entry_is_named_with_its_file() {
    for (from, to, part) in [
        ("    reason: It makes", "    reasons: It makes", "reasons"),
        ("{effect: write, notifies: nobody, send", "{notifies: nobody, send", "missing field `effect`"),
        ("keys_of: {rows: bed}", "keys_of: {lines: bed}", "`keys_of` names `lines`"),
    ] {
        assert!(BEDS.contains(from), "{from}");
        let error = garden(&BEDS.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains("recipe `dig_two_beds` in beds.yaml") && error.contains(part), "{error}");
    }
}

#[test]
fn defaults_and_recipes_of_the_wrong_form_are_refused_where_they_stand() {
    for (from, to, part) in [
        (
            "x-govern-defaults:\n  responses",
            "x-govern-defaults:\n  summary: x\n  responses",
            "`x-govern-defaults.summary`",
        ),
        ("    last_sentence: {read:", "    last_sentence: {reads:", "reads"),
        ("items: /data,", "items: data,", "JSON pointer"),
    ] {
        assert!(MAIN.contains(from), "{from}");
        let document = merge_documents([("openapi.yaml", &*MAIN.replace(from, to)), ("beds.yaml", BEDS)]).unwrap();
        let error = OpenApiProvider::builder().document(document.to_string()).recipe("dig_two_beds", Twice).build();
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

fn remarks(beds: &str) -> Vec<String> {
    let form = lint_documents([("openapi.yaml", MAIN), ("beds.yaml", beds)]).unwrap();
    garden(beds).unwrap().lint().into_iter().chain(form).collect()
}

#[test]
fn a_document_that_says_what_it_must_and_nothing_else_gives_no_remark() {
    assert_eq!(remarks(BEDS), Vec::<String>::new());
}

#[test]
fn each_lint_names_the_row_at_fault() {
    for (from, to, part) in [
        ("{effect: destructive, risk: sensitive, why", "{why", "(clear_bed) in beds.yaml: states no `effect`"),
        (
            "{effect: write, notifies: nobody}",
            "{effect: write}",
            "(dig_bed) in beds.yaml: changes something and states no `notifies`",
        ),
        (
            "effect: write, notifies: nobody, send",
            "effect: write, send",
            "recipe `dig_two_beds`: changes something and states no `notifies`",
        ),
        (
            "risk: sensitive, why: The plants are gone., notifies: Whoever planted them.",
            "notifies: nobody",
            "(clear_bed) in beds.yaml: is destructive and its risk is below `sensitive`",
        ),
        ("see dig_bed.", "see dig_bad.", "`list_beds`: names the tool `dig_bad`, which does not exist"),
        ("description: Which rows.", "description: See list_rows., title: x", "names the tool `list_rows`"),
        (
            "Takes everything out of a bed.",
            "Digs a bed where nothing grows. And more.",
            "`dig_bed`: its description begins with the same sentence as that of `clear_bed`",
        ),
        (
            "soilType: {type: string,",
            "soilType: {type: string, x-argument: soil_type,",
            "beds.yaml: `soilType` has the `x-argument: soil_type`",
        ),
        (
            "summary: Dig a bed",
            "summary: Dig a bed\n      tags: [beds]",
            "beds.yaml: POST /beds (dig_bed) states `tags` as its default does",
        ),
        (
            "{effect: write, notifies: nobody}",
            "{effect: write, notifies: nobody, rate_domain: beds}",
            "POST /beds (dig_bed) states `x-govern.rate_domain` as its default does",
        ),
        ("{tags: [single_beds]}", "{tags: [beds]}", "the defaults of /beds/{bed} states `tags` as its default does"),
        (
            "page: standard}",
            "page: standard, output: {items: /data}}",
            "GET /beds (list_beds) states `output.items` as its paging style does",
        ),
        (
            "summary: List beds",
            "summary: List beds\n      parameters: [{$ref: \"#/components/parameters/Page\"}]",
            "GET /beds (list_beds) states a parameter of its paging style",
        ),
        (
            "      operationId: dig_bed\n      x-govern: {effect: write, notifies: nobody}\n      summary: Dig a bed",
            "      operationId: dig_bed\n      summary: Dig a bed\n      x-govern: {effect: write, notifies: nobody}",
            "beds.yaml: `dig_bed`: `x-govern` does not stand directly behind `operationId`",
        ),
    ] {
        assert!(BEDS.contains(from), "{from}");
        let remarks = remarks(&BEDS.replacen(from, to, 1));
        assert!(remarks.len() == 1 && remarks[0].contains(part), "expected `{part}`, found {remarks:?}");
    }
}

#[test]
fn the_order_within_an_operation_of_one_line_is_looked_at_too() {
    let file = |operation: &str| format!("paths:\n  /a:\n    get: {operation}\n");
    for (operation, remarks) in [
        ("{operationId: get_a, x-govern: {effect: read}, summary: A}", 0),
        ("{summary: A, operationId: get_a, x-govern: {effect: read}}", 0),
        ("{operationId: get_a, summary: A, x-govern: {effect: read}}", 1),
        ("{description: \"The operationId: a name\", operationId: get_a, x-govern: {effect: read}}", 0),
    ] {
        let found = lint_documents([("a.yaml", &*file(operation))]).unwrap();
        assert_eq!(found.len(), remarks, "{operation}: {found:?}");
    }
}

#[test]
fn the_files_of_a_directory_are_looked_at_as_they_are() {
    let directory = std::env::temp_dir().join(format!("mcp-govern-form-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("openapi.yaml"), MAIN).unwrap();
    std::fs::write(directory.join("beds.yaml"), BEDS.replace("page: standard}", "page: standard, rate_domain: beds}"))
        .unwrap();
    let remarks = lint_directory(&directory);
    std::fs::remove_dir_all(&directory).unwrap();
    let remarks = remarks.unwrap();
    assert!(remarks.len() == 1 && remarks[0].starts_with("beds.yaml: GET /beds (list_beds)"), "{remarks:?}");
    assert_eq!(lint_directory(&directory).unwrap_err().kind(), DocumentErrorKind::File);
}

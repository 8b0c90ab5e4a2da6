//! Checks of what a provider says of itself and of its tools.

use std::{collections::BTreeSet, sync::Arc};

use mcp_govern_core::{
    AuthMethodId, Binding, Catalogue, DiscoverContext, Effect, ProviderErrorKind, Risk, ServerConfig, ServerId,
    ServerSpec, TenantId, ToolDefinition, ToolServer, check::send_faults,
};
use serde_json::Value;
use url::Url;

use super::ProviderCase;
use crate::failure::{Failure, Verdict, ensure};

fn url(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|error| Failure::new(format!("`{text}`: {error}")))
}

fn open(case: &dyn ProviderCase, spec: ServerSpec) -> Result<Arc<dyn ToolServer>, Failure> {
    Ok(case.provider()?.open(&config(spec)?)?)
}

fn config(spec: ServerSpec) -> Result<ServerConfig, Failure> {
    Ok(ServerConfig::new(TenantId::new("conformance")?, ServerId::new("server")?, spec))
}

/// The provider has an id, a title, and auth methods with distinct ids and named fields; every region is https.
///
/// # Errors
///
/// What is wrong.
#[expect(clippy::unused_async, reason = "every check has one form")]
pub async fn the_provider_says_what_it_is(case: &dyn ProviderCase) -> Verdict {
    let provider = case.provider()?;
    let info = provider.info();
    ensure!(!info.title.trim().is_empty(), "the provider has no title");
    ensure!(!info.auth_methods.is_empty(), "the provider has no auth method");
    let ids: BTreeSet<_> = info.auth_methods.iter().map(|method| &method.id).collect();
    ensure!(ids.len() == info.auth_methods.len(), "two auth methods have one id");
    for method in &info.auth_methods {
        ensure!(!method.sharing.is_empty(), "auth method `{}` takes nobody's credentials", method.id);
        ensure!(!method.title.trim().is_empty(), "auth method `{}` has no title", method.id);
        for field in &method.fields {
            ensure!(!field.title.trim().is_empty(), "field `{}` of `{}` has no title", field.name, method.id);
        }
    }
    for region in &info.regions {
        ensure!(region.base_url.scheme() == "https", "region `{}` is not https", region.id);
    }
    Ok(())
}

/// An unknown region or auth method, plain http beyond loopback, and user info in the URL are refused with
/// [`ProviderErrorKind::Config`].
///
/// # Errors
///
/// What is wrong.
#[expect(clippy::unused_async, reason = "every check has one form")]
pub async fn a_row_that_does_not_fit_is_refused(case: &dyn ProviderCase) -> Verdict {
    let fits = url("https://vendor.example.com")?;
    case.provider()?.open(&config(case.spec(fits.clone())?)?)?;
    let mut no_method = case.spec(fits.clone())?;
    no_method.auth_method = AuthMethodId::new("carrier_pigeon")?;
    let mut no_region = case.spec(fits)?;
    no_region.base_url = None;
    no_region.region = Some("atlantis".to_owned());
    let rows = [
        ("an unknown auth method", no_method),
        ("an unknown region", no_region),
        ("plain http beyond loopback", case.spec(url("http://vendor.example.com")?)?),
        ("a password in the URL", case.spec(url("https://user:pass@vendor.example.com")?)?),
        ("another scheme", case.spec(url("ftp://vendor.example.com")?)?),
    ];
    for (what, row) in rows {
        match case.provider()?.open(&config(row)?) {
            Err(error) if error.kind() == ProviderErrorKind::Config => {}
            Err(error) => {
                return Err(Failure::new(format!("{what} is refused as {}: {error}", error.kind())));
            }
            Ok(_) => return Err(Failure::new(format!("{what} is taken"))),
        }
    }
    Ok(())
}

/// Discovery answers the same without a credential and with a wrong one.
///
/// # Errors
///
/// What is wrong.
pub async fn discovery_needs_no_credential_and_stands_a_wrong_one(case: &dyn ProviderCase) -> Verdict {
    let vendor = case.vendor("the right one").await?;
    let server = open(case, case.spec(vendor.base_url())?)?;
    let without = server.discover(DiscoverContext::new()).await?;
    let wrong = case.credential("a wrong one")?;
    let with = server.discover(DiscoverContext::new().with_credential(&wrong)).await?;
    ensure!(!without.tools.is_empty(), "there are no tools");
    ensure!(with == without, "a wrong credential changes what is discovered");
    Ok(())
}

/// The same release answers the same catalogue, in any number of openings.
///
/// # Errors
///
/// What is wrong.
pub async fn discovery_answers_the_same_each_time(case: &dyn ProviderCase) -> Verdict {
    let first = discovered(case).await?;
    let second = discovered(case).await?;
    ensure!(first.version == second.version, "the version changed from {} to {}", first.version, second.version);
    for (one, two) in first.tools.iter().zip(&second.tools) {
        ensure!(one.digest().ok() == two.digest().ok(), "`{}` has another digest the second time", one.name);
    }
    ensure!(first == second, "the second catalogue is another one");
    Ok(())
}

async fn discovered(case: &dyn ProviderCase) -> Result<Arc<Catalogue>, Failure> {
    let server = open(case, case.spec(url("https://vendor.example.com")?)?)?;
    Ok(server.discover(DiscoverContext::new()).await?)
}

/// Names, texts, schemas, hints, classification and digests are what a reviewer and a model need.
///
/// # Errors
///
/// Everything that is wrong, a line each.
pub async fn every_tool_is_well_formed(case: &dyn ProviderCase) -> Verdict {
    let catalogue = discovered(case).await?;
    let mut faults = Vec::new();
    for pair in catalogue.tools.windows(2) {
        if let [one, two] = pair
            && one.name >= two.name
        {
            faults.push(format!("`{}` stands before `{}`", one.name, two.name));
        }
    }
    for tool in &catalogue.tools {
        faults.extend(of_tool(tool, &catalogue).into_iter().map(|fault| format!("`{}`: {fault}", tool.name)));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(faults.join("\n"))) }
}

fn of_tool(tool: &ToolDefinition, catalogue: &Catalogue) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    demand(tool.digest().is_ok(), "it has no digest");
    demand(!tool.title.trim().is_empty(), "it has no title");
    demand((20..=1024).contains(&tool.description.chars().count()), "its description is not of 20 to 1024 characters");
    let hints = tool.annotations;
    demand(hints.read_only_hint == (tool.effect == Effect::Read), "its read-only hint contradicts its effect");
    demand(
        hints.destructive_hint == (tool.effect == Effect::Destructive),
        "its destructive hint contradicts its effect",
    );
    demand(tool.risk == Risk::None || tool.risk_reason.is_some(), "its risk has no reason");
    demand(tool.notifies.is_none() || tool.risk != Risk::None, "it tells people something and has no risk");
    match &tool.binding {
        Binding::Operation(operation) => {
            let method = operation.method.as_str();
            demand(method != "GET" || tool.effect == Effect::Read, "it is a GET that does not read");
            demand(method != "DELETE" || tool.effect != Effect::Read, "it is a DELETE that reads");
            demand(operation.path.starts_with('/'), "its path does not start with `/`");
        }
        Binding::Recipe(recipe) => {
            for used in &recipe.uses {
                match catalogue.tool(used) {
                    Some(row) => {
                        demand(row.effect <= tool.effect, "a row that it uses has a stronger effect");
                        demand(row.risk <= tool.risk, "a row that it uses has a higher risk");
                    }
                    None => demand(false, "it uses a row that is not a tool of the catalogue"),
                }
            }
        }
        _ => {}
    }
    faults.extend(of_schemas(tool));
    // Otherwise calls are refused although the caller did nothing wrong, or something is sent that no schema shows.
    let sent = send_faults(tool).into_iter();
    faults.extend(sent.map(|fault| format!("what it sends for `{}` unasked: {}", fault.argument, fault.fault)));
    faults
}

fn of_schemas(tool: &ToolDefinition) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let schema = &tool.input_schema;
    demand(schema.get("type").and_then(Value::as_str) == Some("object"), "its arguments are no object");
    demand(schema.get("additionalProperties") == Some(&Value::Bool(false)), "it takes unknown arguments");
    for key in ["anyOf", "allOf", "oneOf", "not", "if"] {
        demand(schema.get(key).is_none(), "its schema has a combination at its root");
    }
    demand(!has_key(schema, "$ref"), "its input schema holds a reference");
    // Some model interfaces refuse a whole conversation for one list of types.
    demand(!has_list_of_types(schema), "its input schema gives a value more than one type");
    demand(
        !tool.output_schema.as_deref().is_some_and(|schema| has_key(schema, "$ref")),
        "its output schema holds a reference",
    );
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let described = property.get("description").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        demand(described, &format!("argument `{name}` has no description"));
        let snake = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        demand(snake, &format!("argument `{name}` is not in snake case"));
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        demand(properties.is_some_and(|map| map.contains_key(name)), &format!("required `{name}` is not an argument"));
    }
    faults
}

/// Whether a `type` anywhere is a list. A property of that name is a schema, and so no list.
fn has_list_of_types(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.get("type").is_some_and(Value::is_array) || map.values().any(has_list_of_types),
        Value::Array(items) => items.iter().any(has_list_of_types),
        _ => false,
    }
}

fn has_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(map) => map.contains_key(key) || map.values().any(|value| has_key(value, key)),
        Value::Array(items) => items.iter().any(|value| has_key(value, key)),
        _ => false,
    }
}

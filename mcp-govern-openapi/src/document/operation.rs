//! An operation of the document becomes a row.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, header};
use mcp_govern_core::{
    Binding, BoundArgument, Digest, Effect, FixedValue, Location, OperationBinding, ToolDefinition, ToolName,
};
use serde_json::{Map, Value, json};

use super::{
    body,
    check::Arguments,
    class::{Class, repeat_of},
    context::{Shared, Stands},
    edition::Inherited,
    ends_now,
    govern::{OperationGovern, PollGovern},
    instead,
    naming::Naming,
    output::{output_plan, page_parameters, page_size},
    parameter::{Argument, Parameters},
    refs::Checked,
    response::Responses,
    schema::{Schemas, Side},
    send,
};
use crate::{
    header::{check_header_name, check_header_value, header_name},
    plan::{
        Accepts, BodyPlan, Check, ConfigHeader, Fields, Instead, Keep, Keys, NOBODY, OWN_ORIGIN, Origin, PathTemplate,
        Pending, Policy, PollPlan, Row, Shape, Stated, check_sent,
    },
    pointer::Pointer,
    text::{percent, scalar_text},
};

/// The same ones said again, as some generators do, lead to the same place.
fn refuse_other_servers(shared: Shared<'_>, at: Stands<'_>) -> Checked<()> {
    if [at.node.get("servers"), at.servers].into_iter().flatten().all(|servers| Some(servers) == shared.servers) {
        return Ok(());
    }
    Err("`servers` of its own are not supported: it would go elsewhere than to the API's base URL".to_owned())
}

/// Where a result is to be found says that there is one.
fn accepts_of(accepts: Accepts, shape: &Shape) -> Accepts {
    match (accepts, shape) {
        (Accepts::Anything, Shape::Root(_) | Shape::List(_)) => Accepts::Json,
        (accepts, _) => accepts,
    }
}

fn has(arguments: &[Argument], name: &str) -> bool {
    arguments.iter().any(|argument| argument.name == name)
}

fn stated_of(node: &Map<String, Value>, inherited: Inherited<'_>, govern: &OperationGovern) -> Stated {
    let there = inherited.row().is_some_and(|row| row.stated.description);
    let description = there || text(node, "description").is_some() && text(node, "summary").is_some();
    Stated { effect: govern.effect, risk: govern.risk, description, notifies: govern.notifies.is_some() }
}

/// Compiles an operation.
pub(crate) fn compile(shared: Shared<'_>, at: Stands<'_>, mut govern: OperationGovern) -> Checked<Row> {
    let method = method_of(at.method)?;
    let inherited = shared.inherited(at.node);
    inherited.complete(&mut govern);
    let govern = &govern;
    refuse_other_servers(shared, at)?;
    let name = shared.naming.name(at.label, at.node)?;
    let mut schemas = Schemas::new(shared.components, Side::Input);
    let (own, of_page) = (at.node.get("parameters"), page_parameters(shared, govern)?);
    let parameters = Parameters::read(shared.components, &mut schemas, at.of_path, own, of_page, inherited)?;
    let mut arguments = parameters.arguments;
    let origin = govern.origin.as_deref().map(|role| shared.scopes.origin(role)).transpose()?;
    arguments.extend(origin.map(Origin::argument));
    let before_body = arguments.len();
    let mut body = body_of(shared, &mut schemas, at.node, govern, &mut arguments)?;
    inherited.describe(&mut arguments);
    let instead = instead::read(govern, body.as_ref(), &mut arguments)?;
    refuse_collisions(&arguments)?;
    let ends_now = ends_now::read(govern, &arguments)?;
    let fixed = fixed_values(govern, &mut body)?;
    let mut output = output_plan(shared, govern, &mut arguments)?;
    let send = send::read(govern, page_size(shared, govern)?, body.as_ref(), &mut arguments)?;
    let keys = Keys::read(shared.naming, govern, &mut arguments)?;
    let keep = Keep::read_all(shared.scopes, &govern.keep, &output)?;
    let mut of_answer = Schemas::new(shared.components, Side::Output);
    let responses = Responses::read(shared.components, &mut of_answer, at.node.get("responses"))?;
    if matches!(output.shape, Shape::List(_)) {
        output.fields = Fields::new(|name| has(&arguments, name), responses.item(&output));
        arguments.extend(output.fields.as_ref().map(Argument::of_fields));
    }
    inherited.check(&arguments, &govern.differs)?;
    let checks = checks_of(govern, &arguments, before_body, &send)?;
    let repeat = repeat_of(govern, &method, &|name| has(&arguments, name))?;
    let poll = govern.poll.as_ref().map(|poll| poll_plan(shared.naming, poll)).transpose()?;
    let output_schema = responses.output_schema(&output).filter(|_| poll.is_none()).map(Arc::new);
    let path = PathTemplate::parse(at.path, &parameters.path, &parameters.segments)?;
    let (security, names, scopes) = security_of(shared, at.node, origin)?;

    let mut bound = path.bindings();
    bound.extend(parameters.bound.into_iter().filter(|argument| argument.location != Location::Path));
    let mut always = always_of(shared.policy, &parameters.config, &path, &fixed.stated);
    add_body(body.as_ref(), &instead, &mut bound, &mut always);
    let content_type = body.as_ref().and_then(|plan| plan.content_type.to_str().ok()).map(str::to_owned);
    always.extend(ends_now.iter().filter_map(|range| range.stated(&bound)));
    let class = Class::of(govern, &method, &repeat)?;
    let definition = ToolDefinition {
        name: name.clone(),
        title: title(at.node, inherited, &name),
        description: description_of(at, inherited, govern, &name),
        input_schema: Arc::new(input_schema(&arguments)),
        output_schema,
        annotations: class.annotations,
        effect: class.effect,
        risk: class.risk,
        risk_reason: class.reason,
        notifies: govern.people().cloned(),
        scopes,
        deprecated: at.node.get("deprecated") == Some(&Value::Bool(true)),
        area: area_of(at.node, inherited),
        binding: Binding::Operation(OperationBinding {
            method: method.as_str().to_owned(),
            origin: origin.map_or(OWN_ORIGIN, |origin| &origin.role).to_owned(),
            path: at.path.to_owned(),
            arguments: bound,
            fixed: always,
            send,
            security: names,
            content_type,
            // A server says it, where it is the document that decides.
            destination: None,
        }),
    };
    check_definition(&definition)?;
    let fixed_headers = fixed_headers(shared.policy, fixed.headers, &responses)?;
    Ok(Row {
        name,
        place: at.place.to_owned(),
        hidden: govern.hidden,
        method,
        path,
        query: parameters.query,
        fixed_query: fixed.query,
        headers: parameters.headers,
        fixed_headers,
        config_headers: parameters.config,
        body,
        required: arguments.iter().filter(|a| a.required).map(|a| a.name.clone()).collect(),
        checks,
        instead,
        ends_now,
        security,
        repeat,
        throttled: govern.retry.throttled,
        rate_domain: Arc::from(govern.rate_domain.as_deref().unwrap_or("default")),
        accepts: accepts_of(responses.accepts, &output.shape),
        output,
        poll,
        stated: stated_of(at.node, inherited, govern),
        origin: origin.map(|origin| origin.role.clone()),
        keep,
        keys,
        definition: Arc::new(definition),
    })
}

/// How the body is made, where there is one; its arguments are added to the others.
fn body_of<'a>(
    shared: Shared<'a>,
    schemas: &mut Schemas<'a>,
    node: &'a Map<String, Value>,
    govern: &OperationGovern,
    arguments: &mut Vec<Argument>,
) -> Checked<Option<BodyPlan>> {
    let Some(body) = node.get("requestBody") else {
        return match govern.unwrap {
            Some(_) => Err("`unwrap` without `requestBody`".to_owned()),
            None => Ok(None),
        };
    };
    let (plan, of_body) =
        body::read(shared.components, schemas, body, govern.unwrap.as_deref(), arguments, shared.inherited(node))?;
    arguments.extend(of_body);
    Ok(Some(plan))
}

/// Headers that are always sent: the document's, the operation's own, and what is accepted.
fn fixed_headers(
    policy: &Policy,
    own: Vec<(HeaderName, HeaderValue)>,
    responses: &Responses,
) -> Checked<Vec<(HeaderName, HeaderValue)>> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = policy.headers.iter().cloned().chain(own).collect();
    if headers.iter().all(|(name, _)| name != header::ACCEPT) {
        let json = matches!(responses.accepts, Accepts::Json | Accepts::Anything);
        let accept = if json { "application/json" } else { responses.media.as_str() };
        let accept = HeaderValue::from_str(accept).map_err(|_| format!("`{accept}` is not a media type"))?;
        headers.insert(0, (header::ACCEPT, accept));
    }
    Ok(headers)
}

fn checks_of(
    govern: &OperationGovern,
    arguments: &[Argument],
    before_body: usize,
    send: &BTreeMap<String, Value>,
) -> Checked<Vec<Check>> {
    let all: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
    let of_body = arguments.get(before_body..).unwrap_or_default().iter();
    let changes = of_body.filter(|a| !send.contains_key(&a.name) && !a.required).map(|a| a.name.as_str());
    let changes: Vec<&str> = changes.collect();
    let arguments = Arguments { all: &all, changes: &changes, send };
    govern.checks.iter().map(|check| Check::parse(check, arguments)).collect()
}

fn method_of(method: &str) -> Checked<Method> {
    match method {
        "get" => Ok(Method::GET),
        "post" => Ok(Method::POST),
        "put" => Ok(Method::PUT),
        "patch" => Ok(Method::PATCH),
        "delete" => Ok(Method::DELETE),
        other => Err(format!("the method `{other}` is not supported")),
    }
}

fn refuse_collisions(arguments: &[Argument]) -> Checked<()> {
    let mut names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => {
            Err(format!("two parameters or members become the argument `{name}`: give one of them an `x-argument`"))
        }
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Fixed {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: String,
    stated: Vec<FixedValue>,
}

/// `fixed` of the operation; what belongs into the body is put into its plan.
fn fixed_values(govern: &OperationGovern, body: &mut Option<BodyPlan>) -> Checked<Fixed> {
    let mut fixed = Fixed::default();
    for stated in &govern.fixed {
        let within = |fault: &str| format!("`fixed: {}` {fault}", stated.name);
        let plain = || scalar_text(&stated.value).ok_or_else(|| within("must be a plain value"));
        match stated.location {
            Location::Header => {
                let value = check_header_value(&plain()?).map_err(within)?;
                fixed.headers.push((check_header_name(&stated.name)?, value));
            }
            Location::Query => {
                if !fixed.query.is_empty() {
                    fixed.query.push('&');
                }
                fixed.query.extend(percent(&stated.name));
                fixed.query.push('=');
                fixed.query.extend(percent(&plain()?));
            }
            Location::Body => {
                let body = body.as_mut().ok_or_else(|| within("needs a `requestBody`"))?;
                body.fixed.push((stated.name.split('.').map(str::to_owned).collect(), stated.value.clone()));
                continue;
            }
            Location::Path => return Err(within("cannot stand in the path: write it into the path itself")),
        }
        let (location, name, value) = (stated.location, stated.name.clone(), stated.value.clone());
        fixed.stated.push(FixedValue { location, name, value });
    }
    Ok(fixed)
}

/// Adds what a body binds and always sends.
fn add_body(
    body: Option<&BodyPlan>,
    instead: &[Instead],
    bound: &mut Vec<BoundArgument>,
    always: &mut Vec<FixedValue>,
) {
    let Some(plan) = body else { return };
    let (of_body, fixed_in_body) = plan.bindings();
    bound.extend(of_body);
    always.extend(fixed_in_body.into_iter().chain(instead.iter().filter_map(Instead::stated)));
}

/// Refuses a definition that cannot be reviewed or whose calls would be refused.
fn check_definition(definition: &ToolDefinition) -> Checked<()> {
    check_sent(definition)?;
    // What has no digest cannot be reviewed.
    Digest::check_json(definition).map_err(|error| format!("its definition has no digest: {error}"))?;
    Ok(())
}

/// What is sent with every call: the document's headers, the configuration's, its parts of the path, the operation's own.
fn always_of(policy: &Policy, config: &[ConfigHeader], path: &PathTemplate, stated: &[FixedValue]) -> Vec<FixedValue> {
    let header = |name: &str, value: Value| FixedValue { location: Location::Header, name: name.to_owned(), value };
    let constants = policy.stated_headers.iter().map(|(name, value)| header(name, Value::from(value.as_str())));
    let configured = config.iter().map(|from| {
        let value = match &from.when {
            None => json!({ "config": from.key }),
            Some(method) => json!({ "config": from.key, "when": method.as_str() }),
        };
        header(&from.stated, value)
    });
    let in_path = path.config().map(|segment| FixedValue {
        location: Location::Path,
        name: segment.name.clone(),
        value: json!({ "config": segment.key }),
    });
    constants.chain(configured).chain(in_path).chain(stated.iter().cloned()).collect()
}

fn poll_plan(naming: &Naming, stated: &PollGovern) -> Checked<PollPlan> {
    if stated.every_ms == 0 {
        return Err("`async.every_ms` must be at least 1".to_owned());
    }
    if stated.pending.value.is_some() && stated.pending.header.is_none() {
        return Err("`async.pending.value` needs `header`".to_owned());
    }
    let header = stated.pending.header.as_deref().map(header_name).transpose()?;
    let pointer = |text: &Option<String>| text.as_deref().map(Pointer::parse).transpose();
    Ok(PollPlan {
        row: naming.referred(&stated.poll).map_err(|error| format!("`async.poll`: {error}"))?,
        id: Pointer::parse(&stated.id)?,
        argument: stated.argument.clone(),
        pending: Pending {
            status: stated.pending.status,
            header: header.map(|name| (name, stated.pending.value.clone())),
        },
        success: Pointer::parse(&stated.success)?,
        message: pointer(&stated.message)?,
        result: pointer(&stated.result)?,
        wait: Duration::from_millis(stated.wait_ms),
        every: Duration::from_millis(stated.every_ms),
    })
}

/// Alternatives as indexes (the empty one last), their names as stated, and the scopes of the first that has any.
type Security = (Vec<Vec<usize>>, Vec<String>, Vec<String>);

fn security_of(shared: Shared<'_>, node: &Map<String, Value>, origin: Option<&Origin>) -> Checked<Security> {
    let Some(stated) = node.get("security").or(shared.security) else { return Ok(Security::default()) };
    let stated = stated.as_array().ok_or("`security` is not a list")?;
    let mut security = Security::default();
    let mut unsupported = None;
    for alternative in stated {
        let alternative = alternative.as_object().ok_or("`security` holds something that is not an object")?;
        if let Some(fault) = shared.schemes.unsupported(alternative.keys()) {
            unsupported = Some(fault);
            continue;
        }
        let indexes = alternative.keys().map(|name| shared.schemes.index(name)).collect::<Checked<Vec<_>>>()?;
        let scopes = alternative.values().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let mut scopes: Vec<String> = scopes.map(str::to_owned).collect();
        if security.2.is_empty() {
            scopes.sort();
            scopes.dedup();
            security.2 = scopes;
        }
        if origin.is_some() {
            return Err("goes to another origin, which must not see the credential: it needs `security: []`".to_owned());
        }
        security.0.push(indexes);
        security.1.push(alternative.keys().cloned().collect::<Vec<_>>().join("+"));
    }
    if let Some(fault) = unsupported.filter(|_| security.0.is_empty()) {
        return Err(fault);
    }
    // Where a credential is welcome but not needed, it is shown when there is one.
    security.0.sort_by_key(Vec::is_empty);
    Ok(security)
}

fn input_schema(arguments: &[Argument]) -> Value {
    let properties: Map<String, Value> =
        arguments.iter().map(|a| (a.name.clone(), Value::Object(a.schema.clone()))).collect();
    let required: Vec<&str> = arguments.iter().filter(|a| a.required).map(|a| a.name.as_str()).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn title(node: &Map<String, Value>, inherited: Inherited<'_>, name: &ToolName) -> String {
    let known = || inherited.row().map(|row| row.definition.title.clone());
    text(node, "summary").map(str::to_owned).or_else(known).unwrap_or_else(|| title_of(name))
}

fn area_of(node: &Map<String, Value>, inherited: Inherited<'_>) -> Option<String> {
    let stated = node.get("tags").and_then(|tags| tags.get(0)?.as_str()).map(str::to_owned);
    stated.or_else(|| inherited.row()?.definition.area.clone())
}

fn description_of(at: Stands<'_>, inherited: Inherited<'_>, govern: &OperationGovern, name: &ToolName) -> String {
    let own = text(at.node, "description");
    // What the first edition says has its last sentence already.
    if let (None, Some(row)) = (own, inherited.row()) {
        return row.definition.description.clone();
    }
    let stated = own.or_else(|| text(at.node, "summary"));
    let stated = stated.map_or_else(
        || format!("{}: {} {}.", title_of(name), at.method.to_uppercase(), at.path),
        |t| t.trim().to_owned(),
    );
    let last = match (govern.effect, govern.notifies.as_deref()) {
        (Some(Effect::Read), _) => &govern.last_sentence.read,
        (_, Some(NOBODY)) => &govern.last_sentence.nobody,
        _ => &None,
    };
    last.iter().fold(stated, |stated, last| format!("{stated} {last}"))
}

fn title_of(name: &ToolName) -> String {
    let text = name.as_str().replace('_', " ");
    let mut characters = text.chars();
    characters.next().map(|first| first.to_ascii_uppercase().to_string() + characters.as_str()).unwrap_or_default()
}

fn text<'a>(node: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

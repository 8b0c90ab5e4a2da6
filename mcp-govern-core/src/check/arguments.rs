//! From the arguments that a caller gave to those that are sent.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    access::Permit,
    denial::{ArgumentFault, Denial, DenialCode, Remedy},
    provider::CheckedArguments,
    schema::{
        Bearing, CallRules, Compiled, MOST_FAULTS, Normal, bearing, bounded, faults, fill_fixed, fits, normal,
        property, redact_in_place, told, unknown_names, violations,
    },
    vocabulary::{ArgumentRule, Binding, GrantId, ProfileId, ToolId, ToolsetId},
};

/// Arguments that may be sent, and the path whose rules they satisfy.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    arguments: CheckedArguments,
    as_given: bool,
    redacts_nothing: bool,
    grant: GrantId,
    profile: ProfileId,
    toolset: ToolsetId,
}

impl Checked {
    /// The arguments as they are sent, with the values that rules fix and those that the definition sends for what is left out.
    pub fn arguments(&self) -> &CheckedArguments {
        &self.arguments
    }

    /// Whether nothing was filled in: they are what the caller gave, in the form that it was read.
    pub fn are_as_given(&self) -> bool {
        self.as_given
    }

    /// The arguments as they may be put on record, where their JSON text is no longer than `most` bytes; `schema` is the one that
    /// they were checked against.
    pub(crate) fn redacted_within(&self, schema: &Value, most: usize) -> Option<Value> {
        let mut arguments = Value::Object(self.arguments.as_map().clone());
        if !self.redacts_nothing {
            redact_in_place(schema, &mut arguments);
            // What stands in place of a short value may be longer than the value.
            return fits(&arguments, most).then_some(arguments);
        }
        Some(arguments)
    }

    /// The arguments alone.
    pub fn into_arguments(self) -> CheckedArguments {
        self.arguments
    }

    /// The grant of the path.
    pub fn grant(&self) -> &GrantId {
        &self.grant
    }

    /// The profile of the path.
    pub fn profile(&self) -> &ProfileId {
        &self.profile
    }

    /// The toolset of the path.
    pub fn toolset(&self) -> &ToolsetId {
        &self.toolset
    }
}

/// Arguments in the one form that rules, records, previews and providers see.
#[derive(Debug)]
pub(crate) struct NormalArguments {
    map: Map<String, Value>,
    /// Whether they fit the tool's schema with nothing filled in.
    fit: bool,
    compiled: Arc<Compiled>,
}

impl NormalArguments {
    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.map
    }
}

/// Holds arguments to the tool's schema and to the rules of the caller's paths.
///
/// First they are read as they are meant, where the schema does not admit them as they are and there is exactly one reading: a
/// `null` for what may be left out is left out, and so are `""` and `[]` (some model interfaces demand every property and send
/// these for none); a list, object, number or truth value that came as JSON text is taken for that where the schema admits no
/// text. What fits the schema is never changed. Everything behind this sees the arguments in that form.
///
/// The paths are tried one by one, ordered by profile, toolset and grant id, and the first that lets the arguments pass is taken.
/// Along a path: the values that its rules fix are filled in, then those that the definition sends for an argument that is left
/// out ([`ToolDefinition::send`](crate::ToolDefinition::send)), then the whole is validated (Draft 2020-12, formats asserted),
/// then every rule of server, binding and entry must hold, and an argument that a rule names must be there. A schema's `default`
/// is an annotation: nothing is filled in for it. Keys that stand for an argument ([`KEYS_OF`](super::KEYS_OF)) are held to the
/// rule one by one. The rules go along with the arguments ([`CheckedArguments::rules`]), so that what a tool sends by itself can
/// be held to them too.
///
/// # Errors
///
/// `invalid_arguments` when they do not fit the schema, are nested deeper than 64 levels, longer than 1 MiB or
/// more than 50,000 values; `rule_violated`
/// when no path's rules allow them; `rule_stale` when a rule names an argument that the tool no longer has. The remedy names
/// every fault; no value that the caller gave is repeated.
pub fn check(permit: &Permit, arguments: Map<String, Value>) -> Result<Checked, Denial> {
    check_normal(permit, normalised(permit, arguments)?)
}

/// Reads and checks the arguments of a tool that is not governed, such as one that a server offers beside those of its vendors: as
/// [`check`] does, without rules. `tool` is the name that the sentence of a refusal has.
///
/// # Errors
///
/// `invalid_arguments`, as [`check`] answers it; also where the schema cannot be compiled.
pub fn check_against(tool: &str, schema: &Value, arguments: Map<String, Value>) -> Result<Map<String, Value>, Denial> {
    bounded(&arguments).map_err(|fault| invalid(tool, vec![fault]))?;
    let validator = Compiled::of(schema).validator;
    let validator = validator.map_err(|fault| invalid(tool, vec![ArgumentFault { argument: String::new(), fault }]))?;
    let Normal { arguments, fit } =
        normal(&validator, schema, arguments).map_err(|fault| invalid(tool, vec![fault]))?;
    let unknown = unknown_names(&arguments, schema);
    if !unknown.is_empty() {
        return Err(invalid(tool, unknown));
    }
    if fit {
        return Ok(arguments);
    }
    Err(invalid(tool, faults(validator.iter_errors(&Value::Object(arguments)), schema)))
}

/// The part of [`check`] that comes first: whether arguments are small enough to be looked at any further, and what they mean.
///
/// INVARIANT: this is the only place that reads arguments in another way than they were written
/// (`rules_records_and_previews_see_what_was_meant`).
pub(crate) fn normalised(permit: &Permit, arguments: Map<String, Value>) -> Result<NormalArguments, Denial> {
    let refused = |fault| invalid(permit.exposed_name(), vec![fault]);
    bounded(&arguments).map_err(refused)?;
    let schema = &*permit.definition().input_schema;
    let compiled = permit.schemas().compiled(permit.digest(), schema);
    let Normal { arguments: map, fit } = match &compiled.validator {
        Ok(validator) => normal(validator, schema, arguments).map_err(refused)?,
        Err(_) => Normal { arguments, fit: false },
    };
    Ok(NormalArguments { map, fit, compiled })
}

/// The rest of [`check`].
pub(crate) fn check_normal(permit: &Permit, arguments: NormalArguments) -> Result<Checked, Denial> {
    let NormalArguments { map: arguments, fit, compiled } = arguments;
    let tool = permit.exposed_name();
    let schema = &*permit.definition().input_schema;
    let unknown = unknown_names(&arguments, schema);
    if !unknown.is_empty() {
        return Err(invalid(tool, unknown));
    }
    let trial = Trial { permit, schema, compiled: &compiled, fit };
    let mut paths = permit.paths().peekable();
    let mut failure: Option<Failure> = None;
    let mut left = Some(arguments);
    while let Some(path) = paths.next() {
        // The last path takes the arguments themselves: most callers have one path only.
        let tried = if paths.peek().is_none() { left.take() } else { left.clone() };
        match trial.run(tried.unwrap_or_default(), permit.rules_along(&path)) {
            Ok((arguments, as_given)) => {
                return Ok(Checked {
                    arguments,
                    as_given,
                    redacts_nothing: compiled.redacts_nothing,
                    grant: path.grant().clone(),
                    profile: path.profile().clone(),
                    toolset: path.toolset().clone(),
                });
            }
            Err(next) => {
                failure = Some(match failure {
                    Some(first) => first.or(next),
                    None => next,
                });
            }
        }
    }
    Err(failure.unwrap_or(Failure::NoPath).into_denial(tool, permit.paths().count()))
}

/// Why a path does not let the arguments pass.
#[derive(Debug)]
enum Failure {
    /// They do not fit the schema.
    Invalid(Vec<ArgumentFault>),
    /// A rule does not allow them.
    Violated(Vec<ArgumentFault>),
    /// Whatever the caller gives, the path lets nothing pass.
    Closed(DenialCode, String),
    /// There is no path.
    NoPath,
}

/// The arguments of one call, tried along one path after the other.
struct Trial<'a> {
    permit: &'a Permit,
    schema: &'a Value,
    compiled: &'a Compiled,
    /// Whether the arguments fit the schema with nothing filled in.
    fit: bool,
}

impl Trial<'_> {
    /// Answers with what is sent, and whether that is what the caller gave.
    fn run(&self, mut arguments: Map<String, Value>, rules: CallRules) -> Result<(CheckedArguments, bool), Failure> {
        self.stand(&rules)?;
        let given = arguments.len();
        let filled = fill_fixed(&mut arguments, rules.iter(), self.schema);
        self.fill_sent(&mut arguments);
        let as_given = arguments.len() == given;
        // What was found to fit, and to which nothing was added, fits.
        let arguments = if as_given && self.fit { arguments } else { self.validated(arguments, &filled)? };
        let violations = rules.iter().flat_map(|rule| violations(rule, self.schema, &arguments));
        let violations: Vec<ArgumentFault> = violations.take(MOST_FAULTS).collect();
        if !violations.is_empty() {
            return Err(Failure::Violated(violations));
        }
        Ok((CheckedArguments::new(arguments, rules), as_given))
    }

    /// Refuses where a rule on an argument that the tool does not have denies such tools, or where the tool once had it. The rows
    /// of a recipe are asked the same of the rules that hold for every tool: the recipe does not get around them.
    fn stand(&self, rules: &CallRules) -> Result<(), Failure> {
        for rule in rules.iter() {
            let bearing =
                bearing(rule, |name| property(self.schema, name).is_some(), |name| self.permit.once_had(name));
            dead(rule, bearing, "the tool")?;
        }
        let Binding::Recipe(recipe) = &self.permit.definition().binding else { return Ok(()) };
        if rules.of_every_tool().next().is_none() {
            return Ok(());
        }
        let snapshot = self.permit.snapshot();
        for name in &recipe.uses {
            let row = ToolId::new(self.permit.server().clone(), name.clone());
            // A row that is not there is the business of admission, which asks for all of them.
            let Some(row) = snapshot.tool(&row).and_then(|row| snapshot.view(row)) else { continue };
            let schema = &row.definition().input_schema;
            for rule in rules.of_every_tool() {
                let bearing = bearing(rule, |name| property(schema, name).is_some(), |name| row.once_had(name));
                dead(rule, bearing, &format!("`{}`, which it uses,", row.exposed_name()))?;
            }
        }
        Ok(())
    }

    fn fill_sent(&self, arguments: &mut Map<String, Value>) {
        for (name, value) in self.permit.definition().send() {
            if !arguments.contains_key(name) {
                arguments.insert(name.clone(), value.clone());
            }
        }
    }

    fn validated(&self, arguments: Map<String, Value>, filled: &[&str]) -> Result<Map<String, Value>, Failure> {
        let validator = self.compiled.validator.as_ref().map_err(|reason| {
            Failure::Closed(DenialCode::InvalidArguments, format!("the tool's schema cannot be used: {reason}"))
        })?;
        let arguments = Value::Object(arguments);
        if !validator.is_valid(&arguments) {
            let faults = faults(validator.iter_errors(&arguments), self.schema);
            return Err(blame(faults, filled));
        }
        match arguments {
            Value::Object(map) => Ok(map),
            _ => Err(Failure::Invalid(Vec::new())),
        }
    }
}

/// Whether a rule lets nothing pass, whatever the caller gives.
fn dead(rule: &ArgumentRule, bearing: Bearing, what: &str) -> Result<(), Failure> {
    let name = &rule.argument;
    let (code, has) = match bearing {
        Bearing::Applies | Bearing::LeftAlone => return Ok(()),
        Bearing::Stale => (DenialCode::RuleStale, "no longer has"),
        Bearing::Absent => (DenialCode::RuleViolated, "does not have"),
    };
    Err(Failure::Closed(code, format!("a rule guards the argument `{name}`, which {what} {has}")))
}

/// Whose fault it is: a value that a rule filled in is not the caller's to correct.
fn blame(faults: Vec<ArgumentFault>, filled: &[&str]) -> Failure {
    let concerns = |fault: &ArgumentFault, name: &str| {
        fault.argument.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let set = filled.iter().find(|name| faults.iter().any(|fault| concerns(fault, name)));
    set.map_or(Failure::Invalid(faults), |name| {
        let sentence = format!("a rule sets the argument `{name}` to a value that the tool does not take");
        Failure::Closed(DenialCode::RuleViolated, sentence)
    })
}

impl Failure {
    /// What is shown of two paths: the first that the caller could satisfy.
    fn or(self, next: Self) -> Self {
        match (&self, &next) {
            (Self::Closed(..) | Self::NoPath, Self::Invalid(_) | Self::Violated(_)) => next,
            _ => self,
        }
    }

    fn into_denial(self, tool: &str, paths: usize) -> Denial {
        match self {
            Self::Invalid(faults) => invalid(tool, faults),
            Self::Violated(faults) => {
                let ways = if paths > 1 { format!(" on any of your {paths} ways to it") } else { String::new() };
                let sentence = format!("the rules on `{tool}` do not allow these arguments{ways}: {}", told(&faults));
                Denial::new(DenialCode::RuleViolated, sentence, Remedy::CorrectArguments { faults })
            }
            Self::Closed(code, reason) => {
                Denial::new(code, format!("`{tool}` cannot be called: {reason}"), Remedy::AskAdministrator)
            }
            Self::NoPath => Denial::new(
                DenialCode::NoGrant,
                format!("no access profile leads to `{tool}`"),
                Remedy::AskAdministrator,
            ),
        }
    }
}

/// The denial of arguments that do not fit a tool, by the name that its callers see.
pub(crate) fn invalid(tool: &str, faults: Vec<ArgumentFault>) -> Denial {
    let sentence = format!("the arguments do not fit `{tool}`: {}", told(&faults));
    Denial::new(DenialCode::InvalidArguments, sentence, Remedy::CorrectArguments { faults })
}

//! The path: a template with its parameters, taken apart.

use std::sync::Arc;

use mcp_govern_core::{BoundArgument, Location};

/// A path template, taken apart at load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathTemplate {
    template: Arc<str>,
    pub(crate) segments: Vec<Vec<Piece>>,
}

/// A path parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathParam {
    pub(crate) name: String,
    pub(crate) argument: String,
    /// Whether a `/` or `\` in the value is sent as `%2F` or `%5C` instead of being refused (`x-slash: encoded`).
    pub(crate) slash: Slash,
}

/// What becomes of a `/` or `\` within the value of a path parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slash {
    Refused,
    Encoded,
}

/// A part of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Param(PathParam),
}

impl PathTemplate {
    /// Takes a template such as `/pages/{page_id}` apart; every parameter must be declared and used once.
    pub(crate) fn parse(template: &str, params: &[PathParam]) -> Result<Self, String> {
        let rest =
            template.strip_prefix('/').ok_or_else(|| format!("the path `{template}` does not start with `/`"))?;
        let mut used = Vec::new();
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            let pieces =
                parse_segment(segment, params, &mut used).map_err(|e| format!("the path `{template}`: {e}"))?;
            segments.push(pieces);
        }
        if let Some(param) = params.iter().find(|param| !used.contains(&param.name)) {
            return Err(format!("the path `{template}` has no place for the parameter `{}`", param.name));
        }
        Ok(Self { template: Arc::from(template), segments })
    }

    /// The template with the names of its parameters.
    pub(crate) fn template(&self) -> &Arc<str> {
        &self.template
    }

    /// The parameters in the order of the template.
    pub(crate) fn params(&self) -> impl Iterator<Item = &PathParam> {
        self.segments.iter().flatten().filter_map(|piece| match piece {
            Piece::Param(param) => Some(param),
            Piece::Literal(_) => None,
        })
    }

    /// How the parameters are bound.
    pub(crate) fn bindings(&self) -> Vec<BoundArgument> {
        let bound = |param: &PathParam| BoundArgument {
            argument: param.argument.clone(),
            location: Location::Path,
            name: param.name.clone(),
        };
        self.params().map(bound).collect()
    }
}

fn parse_segment(segment: &str, params: &[PathParam], used: &mut Vec<String>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or("`{` without `}`")?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(check_literal(literal)?));
        }
        if used.iter().any(|other| other == name) {
            return Err(format!("`{{{name}}}` is there twice"));
        }
        let param = params.iter().find(|param| param.name == name);
        let param = param.ok_or_else(|| format!("`{{{name}}}` has no definition among the parameters"))?;
        used.push(name.to_owned());
        pieces.push(Piece::Param(param.clone()));
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(check_literal(rest)?));
    }
    match pieces.as_slice() {
        [Piece::Literal(literal)] if matches!(literal.as_str(), "." | "..") => {
            Err("has a segment `.` or `..`".to_owned())
        }
        _ => Ok(pieces),
    }
}

fn check_literal(literal: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&b);
    if literal.bytes().all(plain) {
        return Ok(literal.to_owned());
    }
    Err(format!("`{literal}` holds a character that a path cannot have as it is"))
}

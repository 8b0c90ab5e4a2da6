//! The path: a template with its parameters, taken apart.

use std::{collections::BTreeMap, sync::Arc};

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

/// A segment of the path, or a part of one, that the server's configuration fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigSegment {
    pub(crate) name: String,
    /// The configuration's name.
    pub(crate) key: String,
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
    Config(ConfigSegment),
}

impl PathTemplate {
    /// Takes a template such as `/pages/{page_id}` apart; every parameter must be declared and used once.
    pub(crate) fn parse(template: &str, params: &[PathParam], config: &[ConfigSegment]) -> Result<Self, String> {
        let rest =
            template.strip_prefix('/').ok_or_else(|| format!("the path `{template}` does not start with `/`"))?;
        let mut used = Vec::new();
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            let pieces =
                parse_segment(segment, params, config, &mut used).map_err(|e| format!("the path `{template}`: {e}"))?;
            segments.push(pieces);
        }
        let mut names = params.iter().map(|param| &param.name).chain(config.iter().map(|segment| &segment.name));
        if let Some(name) = names.find(|name| !used.contains(name)) {
            return Err(format!("the path `{template}` has no place for the parameter `{name}`"));
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
            Piece::Literal(_) | Piece::Config(_) => None,
        })
    }

    /// What the server's configuration fills in, in the order of the template.
    pub(crate) fn config(&self) -> impl Iterator<Item = &ConfigSegment> {
        self.segments.iter().flatten().filter_map(|piece| match piece {
            Piece::Config(segment) => Some(segment),
            Piece::Literal(_) | Piece::Param(_) => None,
        })
    }

    /// The path up to the last part that the server's configuration fills in, with those filled in and arguments as `{name}`; none
    /// where it fills in nothing.
    pub(crate) fn configured(&self, values: &BTreeMap<String, String>) -> Option<String> {
        let is_config = |piece: &Piece| matches!(piece, Piece::Config(_));
        let last = self.segments.iter().rposition(|pieces| pieces.iter().any(is_config))?;
        let mut path = String::new();
        for pieces in self.segments.get(..=last)? {
            path.push('/');
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => path.push_str(literal),
                    Piece::Param(param) => path.extend(["{", &param.name, "}"]),
                    Piece::Config(segment) => path.push_str(values.get(&segment.key).map_or("", String::as_str)),
                }
            }
        }
        Some(path)
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

fn parse_segment(
    segment: &str,
    params: &[PathParam],
    config: &[ConfigSegment],
    used: &mut Vec<String>,
) -> Result<Vec<Piece>, String> {
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
        let param = params.iter().find(|param| param.name == name).map(|param| Piece::Param(param.clone()));
        let configured = || config.iter().find(|segment| segment.name == name).cloned().map(Piece::Config);
        let piece = param.or_else(configured);
        let piece = piece.ok_or_else(|| format!("`{{{name}}}` has no definition among the parameters"))?;
        used.push(name.to_owned());
        pieces.push(piece);
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

//! What a server can be limited to: values of an argument, and hosts beside the API's own.

use serde_json::{Map, Value, json};

use super::{
    govern::{DocumentGovern, KeepGovern, OthersGovern},
    names::argument_name,
    parameter::Argument,
    refs::Checked,
};
use crate::{
    plan::{FieldFormat, Keep, OWN_ORIGIN, Origin, Others, OutputPlan, Paging, Schemes, ScopeRule, Scopes, Shape},
    pointer::Pointer,
};

impl Scopes {
    /// Reads `scopes` and `origin_roles`.
    pub(crate) fn read(govern: &DocumentGovern, schemes: &Schemes) -> Checked<Self> {
        let configured = |config: &str, format: FieldFormat, word: &str| {
            let found = schemes.config.iter().any(|rule| rule.name == config && rule.format == Some(format));
            if found {
                Ok(())
            } else {
                Err(format!("`config: {config}` is not a configuration of the format `{word}`"))
            }
        };
        let mut scopes = Self::default();
        for stated in &govern.scopes {
            let place = |fault| format!("`scopes`: {fault}");
            configured(&stated.config, FieldFormat::Ids, "ids").map_err(place)?;
            let (argument, config) = (stated.argument.clone(), stated.config.clone());
            scopes.rules.push(ScopeRule { argument, config, others: stated.others.into() });
        }
        for (role, stated) in &govern.origin_roles {
            let place = |fault| format!("`origin_roles.{role}`: {fault}");
            configured(&stated.config, FieldFormat::Hosts, "hosts").map_err(place)?;
            if role == OWN_ORIGIN {
                return Err(place(format!("`{OWN_ORIGIN}` is the server's own base URL")));
            }
            scopes.origins.push(Origin {
                role: role.clone(),
                config: stated.config.clone(),
                argument: argument_name(&stated.argument, Some(&stated.argument)).map_err(place)?,
                description: stated.description.clone(),
            });
        }
        Ok(scopes)
    }

    /// The origin of a role.
    pub(crate) fn origin(&self, role: &str) -> Checked<&Origin> {
        let found = self.origins.iter().find(|origin| origin.role == role);
        found.ok_or_else(|| format!("`origin: {role}` is none of the document's `origin_roles`"))
    }
}

impl Origin {
    /// The argument that chooses a host.
    pub(crate) fn argument(&self) -> Argument {
        let stated = json!({"type": "string", "minLength": 1, "description": self.description});
        let schema = if let Value::Object(schema) = stated { schema } else { Map::new() };
        Argument { name: self.argument.clone(), schema, required: true }
    }
}

impl Keep {
    pub(super) fn read_all(scopes: &Scopes, stated: &[KeepGovern], output: &OutputPlan) -> Checked<Vec<Self>> {
        let pages = matches!(&output.shape, Shape::List(plan) if plan.page != Paging::None);
        if pages && !stated.is_empty() {
            // The end of a list is told from its length, which is no longer that of the answer.
            return Err("`keep` works for lists that come whole".to_owned());
        }
        stated.iter().map(|stated| Self::read(scopes, stated)).collect()
    }

    fn read(scopes: &Scopes, stated: &KeepGovern) -> Checked<Self> {
        if scopes.rules.iter().all(|rule| rule.argument != stated.argument) {
            return Err(format!("`keep` names `{}`, which is in none of the document's `scopes`", stated.argument));
        }
        let mut at = stated.at.iter().map(|text| Pointer::parse(text)).collect::<Checked<Vec<_>>>()?;
        if at.is_empty() {
            at.push(Pointer::default());
        }
        Ok(Self { argument: stated.argument.clone(), at, id: Pointer::parse(&stated.id)? })
    }
}

impl From<OthersGovern> for Others {
    fn from(stated: OthersGovern) -> Self {
        match stated {
            OthersGovern::Closed => Self::Closed,
            OthersGovern::Open => Self::Open,
        }
    }
}

//! Arguments that name things of another argument: the keys of a map, the items of a list.

use mcp_govern_core::check::KEYS_OF;
use serde_json::Value;

use super::{govern::OperationGovern, naming::Naming, parameter::Argument, refs::Checked};
use crate::plan::Keys;

impl Keys {
    /// Reads `keys_of` and `replaces`, and writes the first into the schemas of the arguments: it is part of what is reviewed.
    pub(super) fn read(naming: &Naming, govern: &OperationGovern, arguments: &mut [Argument]) -> Checked<Self> {
        let mut keys = Self::default();
        for (name, stands_for) in &govern.keys_of {
            if arguments.iter().any(|argument| argument.name == *stands_for) {
                return Err(format!("`keys_of` names `{stands_for}`, which is an argument of the operation itself"));
            }
            let argument = arguments.iter_mut().find(|argument| argument.name == *name);
            let argument = argument.ok_or_else(|| format!("`keys_of` names `{name}`, which is not an argument"))?;
            argument.schema.insert(KEYS_OF.to_owned(), Value::from(stands_for.as_str()));
            keys.stand_for.push(stands_for.clone());
        }
        if let Some(read) = &govern.replaces {
            if keys.stand_for.is_empty() {
                return Err("`replaces` needs `keys_of`, which says whose keys are replaced".to_owned());
            }
            keys.replaces = Some(naming.referred(read).map_err(|error| format!("`replaces`: {error}"))?);
        }
        Ok(keys)
    }
}

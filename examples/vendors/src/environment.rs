//! Where the keys come from.

use std::{collections::BTreeMap, fmt};

/// The environment variables of a program, or a stand-in for them in tests. A variable that is empty counts as not set.
///
/// `Debug` shows names and no values: some of them are keys.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. Those that are no text are left out.
    pub fn of_process() -> Self {
        let text =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self(text.collect())
    }

    /// These variables and no others.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The value of a variable, without space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_not_set_and_space_around_a_value_is_no_part_of_it() {
        let environment = Environment::of([("EMPTY", "  "), ("KEY", " canary\n")]);
        assert_eq!((environment.get("EMPTY"), environment.get("ABSENT")), (None, None));
        assert_eq!(environment.get("KEY"), Some("canary"));
        assert!(!format!("{environment:?}").contains("canary"));
    }
}

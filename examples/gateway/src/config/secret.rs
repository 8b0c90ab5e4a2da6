//! References to secrets. A secret itself is never in the file.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use mcp_govern_core::Secret;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use crate::failure::Failure;

/// What a literal secret is refused with. The value is not repeated.
const LITERAL: &str = "a secret must not be in the file: put it into the environment or a file of its own, and write \
                       `{ env = \"NAME\" }` or `{ file = \"path\" }` here";

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, whose last line break does not count; a relative path is meant from the configuration file's folder.
    File(PathBuf),
}

impl SecretRef {
    /// Looks the secret up.
    pub(crate) fn resolve(&self, base: &Path) -> Result<Secret, Failure> {
        let text = match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| Failure::config(format!("the environment variable `{name}` is not set")))?,
            Self::File(path) => {
                let path = base.join(path);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| Failure::config(format!("`{}` cannot be read: {error}", path.display())))?;
                warn_of_readers(&path);
                text
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() { Err(Failure::config(format!("{self} is empty"))) } else { Ok(Secret::new(text)) }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RefVisitor)
    }
}

struct RefVisitor;

impl<'de> Visitor<'de> for RefVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{ env = \"NAME\" }` or `{ file = \"path\" }`")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let reference = match key.as_str() {
                "env" => SecretRef::Env(map.next_value()?),
                "file" => SecretRef::File(map.next_value()?),
                _ => return Err(de::Error::unknown_field(&key, &["env", "file"])),
            };
            if found.replace(reference).is_some() {
                return Err(de::Error::custom("a secret is in one place: write `env` or `file`, not both"));
            }
        }
        found.ok_or_else(|| de::Error::custom("expected `{ env = \"NAME\" }` or `{ file = \"path\" }`"))
    }
}

/// The secrets of a server's credential, by the names of the auth method's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialFields(pub(crate) BTreeMap<String, SecretRef>);

impl<'de> Deserialize<'de> for CredentialFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = CredentialFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table such as `{ api_key = { env = \"NAME\" } }`")
            }

            // The usual message would repeat the value, which is a secret that somebody put here.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<CredentialFields, E> {
                Err(E::custom(LITERAL))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CredentialFields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, reference)) = map.next_entry()? {
                    fields.insert(name, reference);
                }
                Ok(CredentialFields(fields))
            }
        }

        deserializer.deserialize_any(FieldsVisitor)
    }
}

/// A database's address: in the file as long as it holds no password, else by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    Here(String),
    Elsewhere(SecretRef),
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlVisitor;

        impl<'de> Visitor<'de> for UrlVisitor {
            type Value = StoreUrl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`memory`, `sqlite:<path>`, `postgres://…`, or a reference such as `{ env = \"NAME\" }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StoreUrl, E> {
                if holds_password(text) {
                    return Err(E::custom(
                        "a password must not be in the file: put the whole address into the environment or a file of its \
                         own, and write `url = { env = \"NAME\" }` or `url = { file = \"path\" }`",
                    ));
                }
                Ok(StoreUrl::Here(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StoreUrl, A::Error> {
                RefVisitor.visit_map(map).map(StoreUrl::Elsewhere)
            }
        }

        deserializer.deserialize_any(UrlVisitor)
    }
}

/// Tells the log of a secret that others can read.
pub(crate) fn warn_of_readers(path: &Path) {
    if mcp_govern_store::is_open_to_others(path) {
        tracing::warn!(path = %path.display(), "others than its owner may read this secret: `chmod 600` keeps it");
    }
}

/// Whether an address has a password in it.
pub(crate) fn holds_password(text: &str) -> bool {
    let parsed = url::Url::parse(text).ok();
    parsed.is_some_and(|url| url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        secret: SecretRef,
    }

    fn read(text: &str) -> Result<SecretRef, String> {
        toml::from_str::<Holder>(text).map(|holder| holder.secret).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_reference_names_a_variable_or_a_file() {
        assert_eq!(read(r#"secret = { env = "KEY" }"#).unwrap(), SecretRef::Env("KEY".to_owned()));
        assert_eq!(read(r#"secret = { file = "a/b" }"#).unwrap(), SecretRef::File("a/b".into()));
        for text in [r"secret = {}", r#"secret = { env = "A", file = "b" }"#, r#"secret = { enw = "A" }"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        for text in [r#"secret = "canary""#, "secret = 4711", "secret = 47.11"] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains("must not be in the file"), "{refused}");
            assert!(!refused.contains("canary") && !refused.contains("47"), "{refused}");
        }
        let fields = toml::from_str::<BTreeMap<String, CredentialFields>>(r#"status = "canary""#).unwrap_err();
        assert!(fields.message().contains("must not be in the file") && !fields.message().contains("canary"));
    }

    #[test]
    fn a_file_is_read_from_the_configurations_folder_without_its_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), " the key \n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let file = |name: &str| SecretRef::File(name.into()).resolve(folder.path());
        assert_eq!(file("key").unwrap().expose(), " the key ");
        assert!(file("empty").unwrap_err().to_string().contains("empty"));
        assert!(file("absent").unwrap_err().to_string().contains("absent"));
        let unset = SecretRef::Env("MCP_GATEWAY_NOT_SET".to_owned()).resolve(folder.path()).unwrap_err();
        assert!(unset.to_string().contains("MCP_GATEWAY_NOT_SET"));
    }

    #[test]
    fn a_password_in_an_address_is_noticed() {
        assert!(holds_password("postgres://me:canary@db/x") && holds_password("postgres://db/x?password=canary"));
        assert!(!holds_password("postgres://me@db/x") && !holds_password("sqlite:a.db") && !holds_password("memory"));
    }
}

//! Where the store is, its keys, and in whose name it is governed.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use example_vendors::Environment;
use mcp_govern_core::{Actor, Role, Secret, TenantId, UserId, audit::AuditKey};
use mcp_govern_store::{FileHeadKeeper, Plaintext, VaultKeys, is_open_to_others};

use super::args::StoreArguments;
use crate::failure::Failure;

/// What the gateway calls its tenant where its file says nothing.
const TENANT: &str = "default";

/// The issuer of people whom the operating system names: the gateway has the same.
const OS: &str = "os";

/// Where the store is, by the command line and the environment.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    arguments: &'a StoreArguments,
    environment: &'a Environment,
    url: Secret,
}

impl<'a> Place<'a> {
    pub(crate) fn of(arguments: &'a StoreArguments, environment: &'a Environment) -> Result<Self, Failure> {
        let url = arguments.store.as_deref().map(str::trim).or_else(|| environment.get("GOVERN_STORE"));
        let url = url.filter(|url| !url.is_empty()).ok_or_else(|| {
            Failure::usage(
                "say which store: `--store sqlite:PATH`, `--store postgres://user@host/database` or GOVERN_STORE",
            )
        })?;
        if arguments.store.as_deref().is_some_and(holds_password) {
            let _ = writeln!(
                io::stderr(),
                "govern: the password in `--store` is visible in the list of processes, where every user of this machine can read it: \
                 put the URL into GOVERN_STORE, or the password into a password file of PostgreSQL (PGPASSFILE)"
            );
        }
        Ok(Self { arguments, environment, url: Secret::new(url) })
    }

    /// Whether a database on another machine may be spoken to without TLS.
    pub(crate) fn plaintext(&self) -> Plaintext {
        if self.arguments.insecure_postgres { Plaintext::Allowed } else { Plaintext::Refused }
    }

    /// The store's URL. It may hold a password.
    pub(crate) fn url(&self) -> &str {
        self.url.expose()
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, Failure> {
        let named = self.arguments.tenant.as_deref().or_else(|| self.environment.get("GOVERN_TENANT"));
        TenantId::new(named.unwrap_or(TENANT)).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The user who runs the program, unless another name is given. A user who can open the store is trusted to say so: the name and
    /// the roles stand in the record.
    pub(crate) fn actor(&self) -> Result<Actor, Failure> {
        let user = match &self.arguments.actor {
            Some(user) => user.clone(),
            None => os_user()?,
        };
        let roles = &self.arguments.role;
        let roles = if roles.is_empty() { &[Role::Owner] } else { roles.as_slice() };
        Ok(Actor::new(user, roles.iter().copied()).with_groups(self.arguments.member_of.iter().cloned()))
    }

    /// The vault's keys, where they are at hand. Keys that were named must be usable; those that only lie beside the store
    /// need not be: most verbs need none.
    pub(crate) fn vault_keys(&self) -> Result<Option<VaultKeys>, Failure> {
        if let Some(path) = &self.arguments.vault_keys {
            warn_of_readers(path);
            return Ok(Some(VaultKeys::from_file(path)?));
        }
        if let Some(text) = self.environment.get("GOVERN_VAULT_KEYS") {
            return Ok(Some(VaultKeys::from_text(text).map_err(|error| Failure::from(error).at("GOVERN_VAULT_KEYS"))?));
        }
        let Some(path) = self.beside("vault.keys").filter(|path| path.exists()) else { return Ok(None) };
        warn_of_readers(&path);
        match VaultKeys::from_file(&path) {
            Ok(keys) => Ok(Some(keys)),
            Err(error) => {
                // Nobody has to read it.
                let _ = writeln!(io::stderr(), "govern: going on without the vault's keys: {error}");
                Ok(None)
            }
        }
    }

    /// The audit's key, under which people are hashed in the record.
    pub(crate) fn audit_key(&self) -> Result<Option<AuditKey>, Failure> {
        if let Some(path) = &self.arguments.audit_key {
            return read_audit_key(path).map(Some);
        }
        if let Some(text) = self.environment.get("GOVERN_AUDIT_KEY") {
            return parse_audit_key(text).map(Some).map_err(|failure| failure.at("GOVERN_AUDIT_KEY"));
        }
        match self.beside("audit.key").filter(|path| path.exists()) {
            Some(path) => read_audit_key(&path).map(Some),
            None => Ok(None),
        }
    }

    /// Where the last known heads are kept: beside a SQLite file where the gateway keeps them, too.
    pub(crate) fn heads(&self) -> Result<Option<FileHeadKeeper>, Failure> {
        let named = self.arguments.heads.clone().or_else(|| self.environment.get("GOVERN_HEADS").map(PathBuf::from));
        if let Some(path) = named {
            return Ok(Some(FileHeadKeeper::new(path)));
        }
        let tenant = self.tenant()?;
        let beside = |path: &Path| {
            let mut name = path.file_name()?.to_owned();
            name.push(format!(".{tenant}.heads.json"));
            Some(FileHeadKeeper::new(path.with_file_name(name)))
        };
        Ok(sqlite_path(self.url()).and_then(beside))
    }

    /// Why an earlier store is accepted, where a person says so.
    pub(crate) fn accept_rollback(&self) -> Option<&str> {
        self.arguments.accept_rollback.as_deref()
    }

    fn beside(&self, name: &str) -> Option<PathBuf> {
        sqlite_path(self.url()).map(|path| path.with_file_name(name))
    }
}

/// Whether the URL of a database has a password in it.
fn holds_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let named = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    named || query.split('&').any(|pair| pair.starts_with("password="))
}

fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

fn os_user() -> Result<UserId, Failure> {
    let unnamed = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("the operating system names no user ({why}): say who acts, `--actor NAME`"))
    };
    let name = whoami::username().map_err(|error| unnamed(&error))?;
    UserId::new(OS, name).map_err(|error| unnamed(&error))
}

/// Warns of a key that others can read. A warning that cannot be written is left out.
fn warn_of_readers(path: &Path) {
    if is_open_to_others(path) {
        let shown = path.display();
        let _ =
            writeln!(io::stderr(), "govern: others than its owner may read the key `{shown}`: run `chmod 600 {shown}`");
    }
}

fn read_audit_key(path: &Path) -> Result<AuditKey, Failure> {
    warn_of_readers(path);
    let place = format!("`{}`", path.display());
    let text = fs::read_to_string(path).map_err(|error| Failure::usage(format!("{place} cannot be read: {error}")))?;
    parse_audit_key(&text).map_err(|failure| failure.at(place))
}

fn parse_audit_key(text: &str) -> Result<AuditKey, Failure> {
    let refuse = || Failure::usage("an audit key has exactly 64 hexadecimal digits");
    let digits = text.trim();
    let mut key = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refuse());
    }
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| refuse())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| refuse())?;
    }
    Ok(AuditKey::from_bytes(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> StoreArguments {
        use clap::Parser as _;
        let words = ["govern"].into_iter().chain(words.iter().copied()).chain(["status"]);
        crate::cli::Cli::try_parse_from(words).unwrap().store
    }

    #[test]
    fn the_flag_counts_before_the_environment_and_one_of_them_must_be_there() {
        let environment = Environment::of([("GOVERN_STORE", "sqlite:b.db"), ("GOVERN_TENANT", "acme")]);
        let (flags, none) = (arguments(&["--store", "sqlite:a.db", "--tenant", "other"]), arguments(&[]));
        let place = Place::of(&flags, &environment).unwrap();
        assert_eq!((place.url(), place.tenant().unwrap().as_str()), ("sqlite:a.db", "other"));
        let place = Place::of(&none, &environment).unwrap();
        assert_eq!((place.url(), place.tenant().unwrap().as_str()), ("sqlite:b.db", "acme"));
        let refused = Place::of(&none, &Environment::of([])).unwrap_err().to_string();
        assert!(refused.contains("--store") && refused.contains("GOVERN_STORE"), "{refused}");
    }

    #[test]
    fn a_password_in_a_url_is_seen() {
        for url in ["postgres://me:canary@db/x", "postgres://db/x?a=b&password=canary", "postgresql://me:a@b:c@db"] {
            assert!(holds_password(url), "{url}");
        }
        for url in
            ["postgres://me@db:5432/x?application_name=a:b@c", "postgres://db/x", "sqlite:a:b@c.db", "sqlite://a.db"]
        {
            assert!(!holds_password(url), "{url}");
        }
    }

    #[test]
    fn the_actor_is_an_owner_unless_other_roles_are_said() {
        let environment = Environment::of([("GOVERN_STORE", "sqlite:a.db")]);
        let actor = |words: &[&str]| Place::of(&arguments(words), &environment).unwrap().actor().unwrap();
        assert!(actor(&[]).has(Role::Owner) && actor(&[]).user().issuer.as_str() == "os");
        let auditor = actor(&["--actor", "ann", "--role", "auditor", "--member-of", "leads"]);
        assert!(!auditor.has(Role::Owner) && auditor.has(Role::Auditor));
        assert_eq!((auditor.user().to_string().as_str(), auditor.groups().len()), ("ann (local)", 1));
    }

    #[test]
    fn keys_are_found_beside_a_file_and_a_named_one_must_be_usable() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let none = Environment::of([]);
        let plain = arguments(&["--store", &url]);
        let place = Place::of(&plain, &none).unwrap();
        assert!(place.vault_keys().unwrap().is_none() && place.audit_key().unwrap().is_none());
        VaultKeys::from_file_or_generate(folder.path().join("vault.keys")).unwrap();
        fs::write(folder.path().join("audit.key"), "0f".repeat(32)).unwrap();
        assert!(place.vault_keys().unwrap().is_some() && place.audit_key().unwrap().is_some());
        fs::write(folder.path().join("vault.keys"), "canary").unwrap();
        fs::write(folder.path().join("audit.key"), "canary").unwrap();
        assert!(place.vault_keys().unwrap().is_none(), "keys that were not asked for stopped the program");
        let file = folder.path().join("vault.keys").display().to_string();
        let named = arguments(&["--store", &url, "--vault-keys", &file]);
        for refused in [
            Place::of(&named, &none).unwrap().vault_keys().unwrap_err().to_string(),
            place.audit_key().unwrap_err().to_string(),
        ] {
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}

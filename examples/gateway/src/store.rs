//! Where state is kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use mcp_govern_core::{
    Secret, TenantId,
    audit::AuditKey,
    memory::MemoryStores,
    ports::{StoreErrorKind, Stores},
};
use mcp_govern_store::{FileHeadKeeper, MissingStore, OpenOptions, Plaintext, VaultKeys, write_new_secret};

use crate::{
    cli::StoreFlags,
    config::{Config, SecretRef, StoreUrl, holds_password, warn_of_readers},
    demo::random_token,
    failure::Failure,
    random,
};

/// The file beside the configuration in which state is kept when nothing else is said.
const DEFAULT_FILE: &str = "gateway.db";
/// Where the demonstration keeps its own, in the folder in which it was started.
const DEMONSTRATION: &str = "mcp-govern-demo";
/// The file beside the store in which the token of the demonstration is kept.
const DEMO_TOKEN: &str = "demo.token";

/// Where state is kept, and the keys that go with it.
#[derive(Debug, Clone)]
pub(crate) struct StorePlace {
    target: Target,
    vault_keys: Option<SecretRef>,
    audit_key: Option<SecretRef>,
    plaintext: Plaintext,
    heads: Option<String>,
    /// In bytes.
    largest: Option<u64>,
    base: PathBuf,
}

#[derive(Debug, Clone)]
enum Target {
    Memory,
    Sqlite(PathBuf),
    Postgres(Secret),
}

impl StorePlace {
    /// What the flag says, else the file; else a SQLite file beside the configuration, and for the demonstration one in a folder of
    /// its own.
    pub(crate) fn of(config: &Config, flags: &StoreFlags) -> Result<Self, Failure> {
        let store = &config.document.store;
        let base = config.base().to_owned();
        let target = match (flags.url.as_deref(), &store.url) {
            // A path on the command line is meant from where the command is given.
            (Some(text), _) => Target::parse(&Secret::new(text), Path::new(""))?,
            (None, Some(StoreUrl::Here(text))) => Target::parse(&Secret::new(text), &base)?,
            (None, Some(StoreUrl::Elsewhere(reference))) => {
                Target::parse(&reference.resolve(&base).map_err(|failure| failure.at("store.url"))?, &base)?
            }
            (None, None) if config.is_demonstration() => Target::Sqlite(Path::new(DEMONSTRATION).join(DEFAULT_FILE)),
            (None, None) => Target::Sqlite(base.join(DEFAULT_FILE)),
        };
        let (vault_keys, audit_key) = (store.vault_keys.clone(), store.audit_key.clone());
        if let Target::Postgres(_) = target {
            let needed = [("vault_keys", "vault", &vault_keys), ("audit_key", "audit", &audit_key)];
            let absent: Vec<String> = needed
                .into_iter()
                .filter(|(_, _, key)| key.is_none())
                .map(|(name, kind, _)| {
                    format!(
                        "store.{name} is not set: every node of a database needs the same one, as `{{ env = \"NAME\" }}` or \
                         `{{ file = \"path\" }}`; `gateway new-key {kind}` makes one"
                    )
                })
                .collect();
            if !absent.is_empty() {
                return Err(Failure::config(absent.join("\n")));
            }
        }
        let insecure = flags.insecure_postgres || store.insecure_postgres;
        let plaintext = if insecure { Plaintext::Allowed } else { Plaintext::Refused };
        let largest = store.largest_mebibytes.map(|size| size.saturating_mul(1024 * 1024));
        Ok(Self { target, vault_keys, audit_key, plaintext, heads: store.heads.clone(), largest, base })
    }

    /// Opens the stores; a file, or the tables of a database, are made where they are not there.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Stores>, Failure> {
        self.make_demo_folder()?;
        self.open_with(self.options()).await
    }

    /// Opens the stores as they are, for looking at them beside the gateway that uses them. None where there is nothing to look at.
    pub(crate) async fn open_if_there(&self) -> Result<Option<Arc<dyn Stores>>, Failure> {
        match &self.target {
            Target::Memory => Ok(None),
            Target::Sqlite(path) if !path.exists() => Ok(None),
            Target::Sqlite(_) | Target::Postgres(_) => {
                let options = self.options().beside_others().with_missing(MissingStore::Refuse);
                let url = self.url();
                Ok(Some(Arc::new(mcp_govern_store::open(url.expose(), options).await?)))
            }
        }
    }

    /// Whether the store may be opened, as far as that can be said without opening it.
    pub(crate) fn usable(&self) -> Result<(), Failure> {
        match &self.target {
            Target::Memory => Ok(()),
            Target::Sqlite(_) | Target::Postgres(_) => {
                let checked = self.options().check(self.url().expose());
                checked.map_err(|error| Failure::from(error).at(self.shown()))
            }
        }
    }

    /// The keys as they are written, with their names in the file, where they are there. Nothing is made.
    pub(crate) fn key_texts(&self) -> Vec<(&'static str, Secret)> {
        let text = |reference: &Option<SecretRef>, name: &str| match (reference, &self.target) {
            (Some(reference), _) => reference.resolve(&self.base).ok(),
            (None, Target::Memory) => None,
            (None, _) => fs::read_to_string(self.beside(name)).ok().map(Secret::new),
        };
        let keys = [
            ("store.vault_keys", text(&self.vault_keys, "vault.keys")),
            ("store.audit_key", text(&self.audit_key, "audit.key")),
        ];
        keys.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }

    /// Whether the store can be opened as it is, in a few words; nothing is made of it.
    pub(crate) async fn reach(&self) -> Result<&'static str, Failure> {
        match &self.target {
            Target::Memory => return Ok("is made at the start"),
            Target::Sqlite(path) if !path.exists() => return Ok("is made at the first start"),
            Target::Sqlite(_) | Target::Postgres(_) => {}
        }
        let options = self.options().beside_others().with_missing(MissingStore::Refuse);
        match mcp_govern_store::open(self.url().expose(), options).await {
            Ok(stores) => {
                stores.close().await;
                Ok("answers")
            }
            // The database is there, and its tables are not yet.
            Err(error)
                if error.kind() == StoreErrorKind::Invalid && error.to_string().contains("there is no store") =>
            {
                Ok("answers, and is made at the first start")
            }
            Err(error) => Err(Failure::from(error).at(self.shown())),
        }
    }

    /// The token of the demonstration: made once, for its owner alone, and kept beside its store, so that clients need not be
    /// configured anew at each start. Where nothing is kept, each start has its own.
    pub(crate) fn demo_token(&self) -> Result<Secret, Failure> {
        let Target::Sqlite(path) = &self.target else { return random_token() };
        self.make_demo_folder()?;
        let file = path.with_file_name(DEMO_TOKEN);
        let place =
            |what: &str, error: io::Error| Failure::config(format!("`{}` cannot be {what}: {error}", file.display()));
        if !file.exists() {
            let made = random_token()?;
            match write_new_secret(&file, &Secret::new(format!("{}\n", made.expose()))) {
                // Another one that starts has made it meanwhile: that one counts.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                written => written.map_err(|error| place("written", error))?,
            }
        }
        let text = fs::read_to_string(&file).map_err(|error| place("read", error))?;
        warn_of_readers(&file);
        Ok(Secret::new(text.trim()))
    }

    fn make_demo_folder(&self) -> Result<(), Failure> {
        match &self.target {
            Target::Sqlite(path) if path.starts_with(DEMONSTRATION) => make_folder(Path::new(DEMONSTRATION))
                .map_err(|error| Failure::from(error).at(format!("{DEMONSTRATION} (`--store memory` keeps nothing)"))),
            _ => Ok(()),
        }
    }

    fn options(&self) -> OpenOptions {
        let options = OpenOptions::new().with_plaintext(self.plaintext);
        match self.largest {
            Some(bytes) => options.with_largest_size(bytes),
            None => options,
        }
    }

    async fn open_with(&self, options: OpenOptions) -> Result<Arc<dyn Stores>, Failure> {
        if let Target::Memory = self.target {
            return Ok(Arc::new(MemoryStores::new()));
        }
        let options = options.with_keys(self.vault_keys()?);
        let opened = mcp_govern_store::open(self.url().expose(), options).await;
        Ok(Arc::new(opened.map_err(|error| Failure::from(error).at(self.shown()))?))
    }

    /// The keys that seal credentials. For a file they are made the first time, in `vault.keys` beside it.
    pub(crate) fn vault_keys(&self) -> Result<VaultKeys, Failure> {
        let may_make = matches!(self.target, Target::Sqlite(_));
        match &self.vault_keys {
            Some(SecretRef::Env(name)) => Ok(VaultKeys::from_env(name)?),
            Some(SecretRef::File(path)) if may_make => Ok(VaultKeys::from_file_or_generate(self.base.join(path))?),
            Some(SecretRef::File(path)) => Ok(VaultKeys::from_file(self.base.join(path))?),
            None => Ok(VaultKeys::from_file_or_generate(self.beside("vault.keys"))?),
        }
    }

    /// The key under which people and arguments are hashed in the record. For a file it is made the first time, in `audit.key`
    /// beside it; in memory it lives as long as the record does.
    pub(crate) fn audit_key(&self) -> Result<AuditKey, Failure> {
        let place = |failure: Failure| failure.at("store.audit_key");
        match (&self.audit_key, &self.target) {
            (Some(SecretRef::File(path)), Target::Sqlite(_)) => key_in(&self.base.join(path)).map_err(place),
            (Some(reference), _) => reference.resolve(&self.base).and_then(|key| parse_key(&key)).map_err(place),
            (None, Target::Memory) => Ok(AuditKey::random()?),
            (None, _) => key_in(&self.beside("audit.key")).map_err(place),
        }
    }

    /// Where the last known heads of a tenant are kept: unless the file says otherwise, beside the keys. A store in memory is always the
    /// newest.
    pub(crate) fn head_keeper(&self, tenant: &TenantId) -> Option<Arc<FileHeadKeeper>> {
        let path = match (self.heads.as_deref(), &self.target) {
            (Some("none"), _) | (None, Target::Memory) => return None,
            (Some(path), _) => self.base.join(path),
            (None, Target::Sqlite(path)) => heads_beside(path, tenant),
            (None, Target::Postgres(_)) => {
                let words = |c: char| !c.is_ascii_alphanumeric();
                let name: Vec<String> =
                    self.shown().split(words).filter(|word| !word.is_empty()).map(str::to_owned).collect();
                self.base.join(format!("{}.{tenant}.heads.json", name.join("-")))
            }
        };
        Some(Arc::new(FileHeadKeeper::new(path)))
    }

    /// The place, for people: without a password.
    pub(crate) fn shown(&self) -> String {
        match &self.target {
            Target::Memory => "memory".to_owned(),
            Target::Sqlite(path) => format!("sqlite:{}", path.display()),
            Target::Postgres(url) => match url::Url::parse(url.expose()) {
                Ok(url) => format!("postgres://{}{}", url.host_str().unwrap_or_default(), url.path()),
                Err(_) => "postgres".to_owned(),
            },
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.target, Target::Memory)
    }

    fn url(&self) -> Secret {
        match &self.target {
            Target::Memory => Secret::new("memory"),
            Target::Sqlite(path) => Secret::new(format!("sqlite:{}", path.display())),
            Target::Postgres(url) => url.clone(),
        }
    }

    fn beside(&self, name: &str) -> PathBuf {
        match &self.target {
            Target::Sqlite(path) => path.with_file_name(name),
            Target::Memory | Target::Postgres(_) => self.base.join(name),
        }
    }
}

/// The file beside a SQLite file in which the heads of a tenant are kept: `govern` looks there, too.
fn heads_beside(path: &Path, tenant: &TenantId) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{tenant}.heads.json"));
    path.with_file_name(name)
}

/// A folder for keys and records, for its owner alone.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl Target {
    fn parse(url: &Secret, base: &Path) -> Result<Self, Failure> {
        let text = url.expose().trim();
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Secret::new(text)));
        }
        let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            Some(path) if !path.is_empty() && path != ":memory:" => Ok(Self::Sqlite(base.join(path))),
            _ => {
                let shown = if holds_password(text) { "the store's address".to_owned() } else { format!("`{text}`") };
                Err(Failure::config(format!(
                    "{shown} is not a valid store: expected `memory`, `sqlite:<path>` or `postgres://user@host/database`"
                )))
            }
        }
    }
}

/// The key in a file, which is made, readable by its owner only, when it is not there.
fn key_in(path: &Path) -> Result<AuditKey, Failure> {
    let shown = path.display();
    if !path.exists() {
        let digits = random::digits(&random::bytes::<32>()?);
        match write_new_secret(path, &Secret::new(format!("{digits}\n"))) {
            // Somebody else has made it meanwhile: that one counts.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|error| Failure::config(format!("`{shown}` cannot be written: {error}")))?,
        }
    }
    let text =
        fs::read_to_string(path).map_err(|error| Failure::config(format!("`{shown}` cannot be read: {error}")))?;
    warn_of_readers(path);
    parse_key(&Secret::new(text)).map_err(|failure| failure.at(format!("`{shown}`")))
}

fn parse_key(text: &Secret) -> Result<AuditKey, Failure> {
    let digits = text.expose().trim();
    let refuse = || Failure::config("an audit key has exactly 64 hexadecimal digits");
    let mut key = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
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
    use mcp_govern_core::UserId;

    use super::*;

    fn target(text: &str) -> Result<String, String> {
        let target = Target::parse(&Secret::new(text), Path::new("/etc/gateway"));
        let place = |target| StorePlace {
            target,
            vault_keys: None,
            audit_key: None,
            plaintext: Plaintext::default(),
            heads: None,
            largest: None,
            base: PathBuf::new(),
        };
        target.map(|target| place(target).shown()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_store_is_named_by_its_url_and_shown_without_a_password() {
        assert_eq!(target("memory").unwrap(), "memory");
        assert_eq!(target("sqlite:a.db").unwrap(), "sqlite:/etc/gateway/a.db");
        assert_eq!(target("sqlite:///var/a.db").unwrap(), "sqlite:/var/a.db");
        assert_eq!(target("postgres://me:canary@db/govern").unwrap(), "postgres://db/govern");
        for text in ["", "a.db", "sqlite:", "sqlite::memory:", "mysql://me:canary@db/x"] {
            let refused = target(text).unwrap_err();
            assert!(refused.contains("expected `memory`") && !refused.contains("canary"), "{refused}");
        }
    }

    #[test]
    fn the_heads_of_each_store_and_tenant_are_kept_in_a_file_of_their_own() {
        let tenant = TenantId::new("acme").unwrap();
        let kept = |text: &str, heads: Option<&str>| {
            let target = Target::parse(&Secret::new(text), Path::new("/etc/gateway")).unwrap();
            let (heads, base) = (heads.map(str::to_owned), PathBuf::from("/etc/gateway"));
            let place = StorePlace {
                target,
                vault_keys: None,
                audit_key: None,
                plaintext: Plaintext::default(),
                heads,
                largest: None,
                base,
            };
            place.head_keeper(&tenant).map(|keeper| keeper.path().display().to_string())
        };
        assert_eq!(kept("sqlite:/var/a.db", None).unwrap(), "/var/a.db.acme.heads.json");
        assert_eq!(
            kept("postgres://me:canary@db.example/govern", None).unwrap(),
            "/etc/gateway/postgres-db-example-govern.acme.heads.json"
        );
        assert_eq!(kept("sqlite:/var/a.db", Some("heads.json")).unwrap(), "/etc/gateway/heads.json");
        assert_eq!((kept("memory", None), kept("sqlite:a.db", Some("none"))), (None, None));
    }

    #[tokio::test]
    async fn a_file_makes_its_keys_once_and_a_look_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let place = StorePlace {
            target: Target::Sqlite(path.clone()),
            vault_keys: None,
            audit_key: None,
            plaintext: Plaintext::default(),
            heads: None,
            largest: None,
            base: folder.path().to_owned(),
        };
        assert!(place.open_if_there().await.unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let opened = place.open().await.unwrap();
        opened.open(&TenantId::new("acme").unwrap()).await.unwrap();
        let user = UserId::new("a", "b").unwrap();
        assert_eq!(place.audit_key().unwrap().user(&user), place.audit_key().unwrap().user(&user));
        assert!(folder.path().join("vault.keys").exists() && path.exists());
        assert!(place.open_if_there().await.unwrap().is_some());
        let token = place.demo_token().unwrap();
        assert_eq!(place.demo_token().unwrap().expose(), token.expose());
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(folder.path().join(DEMO_TOKEN)).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(folder.path().join("audit.key"), "canary").unwrap();
        let refused = place.audit_key().unwrap_err().to_string();
        assert!(refused.contains("64 hexadecimal digits") && !refused.contains("canary"));
    }
}

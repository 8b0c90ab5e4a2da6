//! A store in a folder of its own, and the program run on it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use mcp_govern_store::VaultKeys;
use serde_json::Value;
use stand_ins::postgres::Cluster;
use tempfile::TempDir;

/// What most tests begin with: reads are approved; `ann` holds what was chosen, `ben` whatever is approved.
pub(crate) const GOVERNANCE: &str = r#"
governance = "activated"

[settings]
unmatched_client = "personal"

[servers.status]
provider = "statuspage"
title = "Status page"
prefix = "status"
auth_method = "api_key"
approve = ["read"]

[toolsets.look]
title = "Look"
follows = { server = "status", up_to = "read" }

[toolsets.respond]
title = "Respond"

[toolsets.all]
title = "All"
follows = { server = "status" }

[profiles.on-call]
title = "On call"
toolsets = ["look", "respond"]

[profiles.everything]
title = "Everything"
toolsets = ["all"]

[grants.ann]
profile = "on-call"
grantee = { user = { issuer = "local", subject = "ann" } }

[grants.ben]
profile = "everything"
grantee = { user = { issuer = "local", subject = "ben" } }
"#;

/// The audit's key on PostgreSQL, where nothing lies beside the store.
pub(crate) const AUDIT_KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

pub(crate) struct Site {
    folder: TempDir,
    place: Place,
    environment: Vec<(String, String)>,
}

enum Place {
    File,
    Database(&'static Cluster, String),
}

impl Site {
    /// An empty folder, in which a file may be made.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self { folder, place: Place::File, environment: vec![("GOVERN_STORE".to_owned(), url)] }
    }

    /// An empty database, and a folder beside it; nothing where PostgreSQL is not installed. The keys come from the environment.
    pub(crate) fn on_postgres() -> Option<Self> {
        let cluster = Cluster::shared()?;
        let url = cluster.database();
        let keys = VaultKeys::generate().unwrap().to_text().expose().replace('\n', ",");
        let environment =
            [("GOVERN_STORE", url.as_str()), ("GOVERN_VAULT_KEYS", &keys), ("GOVERN_AUDIT_KEY", AUDIT_KEY)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Some(Self { folder: tempfile::tempdir().unwrap(), place: Place::Database(cluster, url), environment })
    }

    /// A SQLite store that is governed as the document says.
    pub(crate) fn governed_by(document: &str) -> Self {
        let site = Self::empty();
        site.govern_by(document);
        site
    }

    /// Governs the store as the document says.
    pub(crate) fn govern_by(&self, document: &str) {
        let file = self.write("governance.toml", document);
        let applied = self.run(&["apply", "--create", "--yes", &file]);
        assert_eq!(code(&applied), 0, "{}", stderr(&applied));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> &str {
        self.variable("GOVERN_STORE").unwrap()
    }

    /// A variable of the environment in which the program runs.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// The environment in which the program runs.
    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Writes a file and answers its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        shown(&path)
    }

    /// Runs the program on the store, in an environment that holds nothing else.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(arguments, &self.environment())
    }

    /// Runs it with `--json`, and answers its code and what it said.
    pub(crate) fn told(&self, arguments: &[&str]) -> (i32, Value) {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let output = self.run(&all);
        let said = stdout(&output);
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said} {}", stderr(&output));
        (code(&output), serde_json::from_str(&said).unwrap())
    }

    /// What it says with `--json`; it must end well.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.told(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        said
    }

    /// The current digest of a tool.
    pub(crate) fn digest(&self, tool: &str) -> String {
        let said = self.json(&["tools"]);
        let rows = said["tools"].as_array().unwrap();
        let row = rows.iter().find(|row| row["tool"] == tool).unwrap();
        row["digest"].as_str().unwrap().to_owned()
    }

    /// Changes a text behind the program's back, wherever commits or records hold it. Both texts are of one length.
    pub(crate) fn tamper(&self, old: &str, new: &str) {
        match &self.place {
            Place::File => tamper_with_file(&self.path("store.db"), old, new),
            Place::Database(cluster, url) => {
                for table in ["act", "record"] {
                    let statement = format!(
                        "UPDATE mcp_govern.{table} SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '{old}', \
                         '{new}'), 'UTF8')"
                    );
                    cluster.sql(url, &statement);
                }
            }
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.json(&["status"])["revision"].as_u64().unwrap()
    }
}

fn tamper_with_file(path: &Path, old: &str, new: &str) {
    assert!(!path.with_extension("db-wal").exists(), "the file was not closed in order");
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let mut bytes = fs::read(path).unwrap();
    let at: Vec<usize> = bytes.windows(old.len()).enumerate().filter(|(_, w)| *w == old).map(|(at, _)| at).collect();
    assert!(!at.is_empty(), "the text is not in the file");
    for at in at {
        bytes.splice(at..at + old.len(), new.iter().copied());
    }
    fs::write(path, bytes).unwrap();
}

pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

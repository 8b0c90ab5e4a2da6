//! Whoever governs the store from a terminal: `govern`, in a process of its own each time.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::{
    AS_GOVERN,
    world::{stderr, stdout},
};

/// Longer than any verb takes here.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Operator {
    url: String,
    tenant: &'static str,
}

impl Operator {
    pub(crate) fn on(url: &str) -> Self {
        Self { url: url.to_owned(), tenant: "default" }
    }

    pub(crate) fn of_tenant(mut self, tenant: &'static str) -> Self {
        self.tenant = tenant;
        self
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).env_clear().env(AS_GOVERN, "1").env("GOVERN_STORE", &self.url);
        command.env("GOVERN_TENANT", self.tenant);
        timeout(TIMEOUT, command.stdin(Stdio::null()).kill_on_drop(true).output()).await.unwrap().unwrap()
    }

    /// Runs `govern --json` on the store, and answers its exit code and what it said.
    pub(crate) async fn told(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["--json"], arguments].concat()).await;
        let said = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("govern {arguments:?}: {error}: {}", stderr(&output)));
        (output.status.code().unwrap(), said)
    }

    /// What it says to people; it must end well.
    pub(crate) async fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert_eq!(output.status.code(), Some(0), "govern {arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// What it says; it must end well.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.told(arguments).await;
        assert_eq!(code, 0, "govern {arguments:?}: {said}");
        said
    }

    /// A tool as `govern tools` shows it.
    pub(crate) async fn tool(&self, tool: &str) -> Value {
        let said = self.done(&["tools"]).await;
        let rows = said["tools"].as_array().unwrap();
        rows.iter().find(|row| row["tool"] == tool).unwrap_or_else(|| panic!("there is no `{tool}`")).clone()
    }

    /// Approves a tool under the definition that `govern` shows at this moment.
    pub(crate) async fn approve(&self, tool: &str) -> Value {
        let digest = self.tool(tool).await["digest"].as_str().unwrap().to_owned();
        self.done(&["approve", &format!("{tool}@{digest}"), "--yes", "--reason", "seen"]).await
    }

    /// Verifies commits and records, and answers how many chains of records there are.
    pub(crate) async fn verify(&self) -> usize {
        let said = self.done(&["audit", "verify"]).await;
        assert_eq!(said["intact"], true, "{said}");
        said["chains"].as_array().unwrap().len()
    }
}

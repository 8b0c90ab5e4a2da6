//! What the gateway says when it is ready: to a person who wants to connect a client, or to a machine.

use std::{io::Write, net::SocketAddr, path::Path};

use mcp_govern_core::{Governor, Secret, journal::ToolState};
use serde_json::json;
use url::Url;

use crate::{cli::AuthMode, config::Config, failure::Failure, identity::everybody, serve::flush};

/// What there is to say.
#[derive(Debug)]
pub(crate) struct Welcome {
    demonstration: bool,
    name: String,
    tenant: String,
    person: String,
    mode: AuthMode,
    address: SocketAddr,
    operations: Option<SocketAddr>,
    url: Url,
    store: String,
    servers: usize,
    approved: usize,
    pending: usize,
    token: Option<Secret>,
}

impl Welcome {
    pub(crate) fn new(
        config: &Config,
        governor: &Governor,
        mode: AuthMode,
        address: SocketAddr,
        url: &Url,
        store: &str,
    ) -> Self {
        let state = governor.state();
        let count = |wanted| state.tools().values().filter(|tool| tool.state() == wanted).count();
        Self {
            demonstration: config.is_demonstration(),
            name: config.name(),
            tenant: governor.tenant().to_string(),
            person: everybody(config).map_or_else(|_| "you".to_owned(), |identity| identity.user.to_string()),
            mode,
            address,
            operations: None,
            url: url.clone(),
            store: store.to_owned(),
            servers: state.servers().len(),
            approved: count(ToolState::Approved),
            pending: count(ToolState::PendingReview),
            token: None,
        }
    }

    /// With the port of its own on which health and metrics are.
    pub(crate) fn with_operations(mut self, address: Option<SocketAddr>) -> Self {
        self.operations = address;
        self
    }

    /// With a token that may be shown: it opens the demonstration.
    pub(crate) fn with_token(mut self, token: Option<Secret>) -> Self {
        self.token = token;
        self
    }

    pub(crate) fn log(&self) {
        let Self { address, url, tenant, store, servers, approved, pending, .. } = self;
        let auth = self.mode.as_str();
        tracing::info!(%address, %url, auth, tenant, store, servers, approved, pending, "listening");
    }

    /// One JSON object for machines; else a page for people who try it out, and two lines for operators.
    pub(crate) fn print(&self, json: bool, out: &mut impl Write) -> Result<(), Failure> {
        let printed = if json {
            writeln!(out, "{}", self.to_json())
        } else if self.demonstration {
            self.page(out)
        } else {
            self.lines(out)
        };
        match printed {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => flush(out),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let mut facts = json!({
            "event": "listening",
            "address": self.address,
            "url": self.url,
            "operations": self.operations.unwrap_or(self.address),
            "auth": self.mode.as_str(),
            "tenant": self.tenant,
            "store": self.store,
            "servers": self.servers,
            "tools": {"approved": self.approved, "pending_review": self.pending},
        });
        if let (Some(token), Some(facts)) = (&self.token, facts.as_object_mut()) {
            facts.insert("token".to_owned(), token.expose().into());
        }
        facts
    }

    fn lines(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Self { name, url, tenant, store, servers, approved, pending, .. } = self;
        writeln!(out, "{name}: {url}")?;
        writeln!(
            out,
            "tenant {tenant}, state in {store}, {}, {} approved, {pending} waiting for review, auth {}",
            things(*servers, "server"),
            things(*approved, "tool"),
            self.mode.as_str()
        )
    }

    fn page(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Self { url, person, approved, pending, .. } = self;
        let title = "mcp-govern gateway: a demonstration";
        writeln!(out, "{title}\n{}\n", "=".repeat(title.len()))?;
        writeln!(
            out,
            "Statuspage, Opsgenie and PagerDuty are played by stand-ins inside this program: no account, and nothing leaves\n\
             this machine. Of their tools {approved} are approved and {pending} wait for review. You are `{person}` and hold the\n\
             access profile `on-call`; tools of `housekeeping` are listed too, and the tool `request_access` asks for it.\n"
        )?;
        writeln!(out, "  URL     {url}")?;
        if let Some(header) = self.header() {
            writeln!(out, "  Header  Authorization: {header}")?;
        }
        writeln!(out, "\nClaude Code\n\n  {}\n", self.claude_code())?;
        writeln!(out, "Cursor, in ~/.cursor/mcp.json\n\n  {}\n", self.cursor())?;
        writeln!(out, "VS Code, in .vscode/mcp.json\n\n  {}\n", self.vs_code())?;
        writeln!(
            out,
            "Claude Desktop, in claude_desktop_config.json: it starts a gateway of its own\n\n  {}\n",
            claude_desktop()
        )?;
        writeln!(out, "Without a client\n\n  {}\n", self.curl())?;
        writeln!(
            out,
            "Then ask, for example: \"Is anything down?\", or \"Which alerts are open, who is on call, and does the status\n\
             page know?\"\n"
        )?;
        self.governing(out)?;
        writeln!(out, "Ctrl-C ends it. With accounts of your own: gateway example > gateway.toml")
    }

    /// How to decide from another terminal: only what is in a store can be reached from there.
    fn governing(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Self { tenant, store, .. } = self;
        if let Some(path) = store.strip_prefix("sqlite:") {
            // The other terminal may stand in another folder.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
            writeln!(out, "Decide from another terminal, while it runs; what is decided is kept\n")?;
            writeln!(
                out,
                "  export GOVERN_STORE={} GOVERN_TENANT={tenant}",
                word(&format!("sqlite:{}", path.display()))
            )?;
            writeln!(out, "  {} tools --pending\n", govern(std::env::current_exe().ok().as_deref()))?;
            return writeln!(out, "(`cargo install --path examples/govern` puts `govern` into the PATH.)\n");
        }
        writeln!(
            out,
            "State is in {store}. In a file or a database it is kept, and `govern` decides from another terminal.\n"
        )
    }

    fn header(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {}", token.expose()))
    }

    fn claude_code(&self) -> String {
        let header = self.header().map(|header| format!(" --header \"Authorization: {header}\"")).unwrap_or_default();
        format!("claude mcp add --transport http govern {}{header}", self.url)
    }

    fn cursor(&self) -> String {
        format!("{{\"mcpServers\": {{\"govern\": {{\"url\": {}{}}}}}}}", quoted(self.url.as_str()), self.headers())
    }

    fn vs_code(&self) -> String {
        let url = quoted(self.url.as_str());
        format!("{{\"servers\": {{\"govern\": {{\"type\": \"http\", \"url\": {url}{}}}}}}}", self.headers())
    }

    fn headers(&self) -> String {
        let header = self.header().map(|header| format!(", \"headers\": {{\"Authorization\": {}}}", quoted(&header)));
        header.unwrap_or_default()
    }

    fn curl(&self) -> String {
        let header = self.header().map(|header| format!(" -H 'authorization: {header}'")).unwrap_or_default();
        format!(
            "curl -s {}{header} \\\n    -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\\n    \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'",
            self.url
        )
    }
}

/// How `govern` is run: the program that was built beside this one, or else from the checkout.
fn govern(own: Option<&Path>) -> String {
    let beside = own.map(|own| own.with_file_name(format!("govern{}", std::env::consts::EXE_SUFFIX)));
    match beside.filter(|path| path.is_file()) {
        Some(path) => path.display().to_string(),
        None => "cargo run -q -p govern --".to_owned(),
    }
}

fn things(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:+,@%".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn claude_desktop() -> String {
    let own = std::env::current_exe().ok();
    let command = own.map_or_else(|| "gateway".to_owned(), |path| path.display().to_string());
    format!("{{\"mcpServers\": {{\"govern\": {{\"command\": {}, \"args\": [\"--stdio\"]}}}}}}", quoted(&command))
}

/// A text in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(token: Option<&str>) -> Welcome {
        Welcome {
            demonstration: true,
            name: "the demonstration".to_owned(),
            tenant: "demo".to_owned(),
            person: "ann (os)".to_owned(),
            mode: AuthMode::Static,
            address: "127.0.0.1:8700".parse().unwrap(),
            operations: None,
            url: "http://127.0.0.1:8700/mcp".parse().unwrap(),
            store: "memory".to_owned(),
            servers: 3,
            approved: 1,
            pending: 2,
            token: token.map(Secret::new),
        }
    }

    #[test]
    fn what_is_to_be_pasted_is_json_with_and_without_a_token() {
        for token in [Some("demo-\"0123"), None] {
            let welcome = welcome(token);
            for text in [welcome.cursor(), welcome.vs_code(), claude_desktop()] {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(text.contains("Authorization"), token.is_some() && !text.contains("--stdio"), "{value}");
            }
            assert_eq!(welcome.to_json().get("token").is_some(), token.is_some());
        }
    }

    #[test]
    fn the_page_names_url_and_header() {
        let mut page = Vec::new();
        welcome(Some("demo-0123")).print(false, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(
            page.contains("  URL     http://127.0.0.1:8700/mcp\n  Header  Authorization: Bearer demo-0123\n"),
            "{page}"
        );
    }

    #[test]
    fn the_page_names_a_command_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("gateway");
        assert_eq!(govern(Some(&own)), "cargo run -q -p govern --");
        let built = folder.path().join(format!("govern{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&built, "").unwrap();
        assert_eq!(govern(Some(&own)), built.display().to_string());
    }

    #[test]
    fn the_page_says_how_to_decide_beside_a_file_and_that_memory_cannot_be_reached() {
        let page = |store: &str| {
            let mut page = Vec::new();
            Welcome { store: store.to_owned(), ..welcome(None) }.print(false, &mut page).unwrap();
            String::from_utf8(page).unwrap()
        };
        // From another folder, too.
        let here = std::env::current_dir().unwrap();
        let named = word(&format!("sqlite:{}", here.join("a.db").display()));
        let told = page("sqlite:a.db");
        assert!(told.contains(&format!("  export GOVERN_STORE={named} GOVERN_TENANT=demo\n")), "{told}");
        assert_eq!(word("sqlite:/a folder/it's.db"), "'sqlite:/a folder/it'\\''s.db'");
        assert!(page("memory").contains("State is in memory.") && !page("memory").contains("export"));
    }
}

//! Serving: from the configuration to an open listener, and back.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use mcp_govern_core::{Grantee, Secret, audit::ReadableNames, governor::GovernErrorKind, ports::TenantStores};
use mcp_govern_server::{
    Authenticate, ConnectAccounts, Identity, McpServer, McpServerBuilder, OAuthAccounts, TrustedProxies,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;

use crate::{
    cli::{AuthMode, Cli},
    config::{AccessRequests, Config, Http, holds_password},
    connect::{self, OnThisMachine},
    credentials::{self, ServerCredential},
    demo::Demonstration,
    failure::Failure,
    files::{self, Fit},
    follow,
    governance::{administrator, enact, idle_approvals},
    identity::{ReloadableAuthenticator, SharedAuthenticator, authenticator, everybody, local_identity},
    log,
    node::{Following, Node},
    plan::placed,
    providers::Providers,
    reload::Reloader,
    retention::Retention,
    sign_in::AtTheIssuer,
    signals::Signals,
    store::StorePlace,
    welcome::Welcome,
};

/// How long to wait between two looks at whether calls are still in flight.
const BREATH: Duration = Duration::from_millis(100);

/// What stands beside the form that asks for the access token of the person's AI client, which most clients do not show.
const NO_SIGN_IN: &str = "Your AI client may not show you that token. The operator of this gateway can let you sign in here instead: with a client \
                          id of the issuer under `[auth.jwt.sign_in]` in the gateway's file.";

/// Serves until a signal, or until the client on standard input has gone.
pub(crate) async fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let signals = Signals::listen()?;
    // The stand-ins live as long as the gateway does.
    let demonstration = if cli.config.is_none() { Some(Demonstration::start().await) } else { None };
    let config = match (&cli.config, &demonstration) {
        (Some(path), _) => Config::load(path)?,
        (None, Some(demonstration)) => demonstration.config(&local_identity()?.user)?,
        (None, None) => return Err(Failure::config("there is nothing to serve")),
    };
    log::begin(&config.document.log, cli.json)?;
    if cli.serve.demo_token.is_some() {
        tracing::warn!(
            "the token in `--demo-token` is visible in the list of processes, where every user of this machine can read it: name it under \
             `[[auth.tokens]]` instead"
        );
    }
    let credentials = match &demonstration {
        Some(demonstration) => demonstration.credentials()?,
        None => credentials::resolve(&config).map_err(|failure| of_a_client(&config, cli, failure))?,
    };
    let ended = if cli.serve.stdio {
        over_stdio(cli, &config, &credentials, signals).await
    } else {
        over_http(cli, &config, &credentials, signals).await
    };
    drop(demonstration);
    ended.map(|()| ExitCode::SUCCESS)
}

/// A client that starts the gateway hands few variables on, and shows nothing of why it ended: the way out goes with the failure.
fn of_a_client(config: &Config, cli: &Cli, failure: Failure) -> Failure {
    let unset: Vec<&str> =
        config.document.variables().into_iter().filter(|name| std::env::var_os(name).is_none()).collect();
    if !cli.serve.stdio || unset.is_empty() {
        return failure;
    }
    let named: Vec<String> = unset.iter().map(|name| format!("\"{name}\": \"…\"")).collect();
    Failure::config(format!(
        "{failure}\na client that starts the gateway hands on the variables alone that its configuration names: add \"env\": {{{}}} \
         there, or refer to files",
        named.join(", ")
    ))
}

async fn over_http(
    cli: &Cli,
    config: &Config,
    credentials: &[ServerCredential],
    signals: Signals,
) -> Result<(), Failure> {
    let wanted = config.listen(&cli.serve);
    let mode = config.auth_mode(&cli.serve);
    // Everything that can be wrong with how callers are authenticated is found before a store is opened.
    let listener = bind(wanted).await?;
    let address = listener.local_addr()?;
    let public = config.public_url(address)?;
    refuse_open_access(mode, address, &public)?;
    let demo_token = demo_token(cli, config, mode)?;
    let reloadable_authenticator =
        Arc::new(ReloadableAuthenticator::new(authenticator(config, mode, demo_token.as_ref(), &public)?));
    let operations = match config.document.http.operations {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let (node, place, accounts) = open(cli, config, credentials).await?;

    let builder = McpServer::builder(
        node.governor.clone(),
        SharedAuthenticator(Arc::clone(&reloadable_authenticator)),
        public.clone(),
    );
    let builder = fitted(configured(builder, config)?, &config.document.http);
    let server = builder.with_connect(sign_ins(config, mode, accounts, &node.stores, &public)?).build()?;
    let mut app = server.router();
    let aside = server.health_router().merge(server.metrics_router());
    let welcome = Welcome::new(config, &node.governor, mode, address, &public, &place)
        .with_operations(operations.as_ref().and_then(|listener| listener.local_addr().ok()))
        .with_token(demo_token.filter(|_| config.is_demonstration()));
    let (closed, closing) = watch::channel(false);
    let aside = if let Some(listener) = operations {
        Some(tokio::spawn(serve_aside(server.clone(), listener, aside, closing)))
    } else {
        app = app.merge(aside);
        None
    };
    welcome.log();
    welcome.print(cli.json, &mut io::stdout())?;

    let following = follow(&node)?;
    let retaining = Retention::start(&node, config)?;
    // An issuer that does not answer is told of now, and not with the first call.
    let first = SharedAuthenticator(Arc::clone(&reloadable_authenticator));
    tokio::spawn(async move { first.prepare().await });
    let reloader = Reloader::new(cli, config, &node, reloadable_authenticator, public);
    let (stop, mut driver) = (signals.stop(), node.driver);
    let reloading = tokio::spawn(reloader.run(signals));
    tokio::pin! { let serving = server.serve(listener, app, stop); }
    let mut broken = false;
    tokio::select! {
        () = &mut serving => {}
        _ = &mut driver => {
            // Nothing is admitted any more: better to end, and to be started again.
            broken = true;
        }
    }
    reloading.abort();
    following.abort();
    drop(retaining);
    tracing::info!("closing the record");
    Node { governor: node.governor, stores: node.stores, driver }.close().await;
    let _ = closed.send(true);
    if let Some(aside) = aside {
        let _ = aside.await;
    }
    tracing::info!("ended");
    if broken { Err(Failure::Other("the governor's driver has ended".to_owned())) } else { Ok(()) }
}

async fn over_stdio(
    cli: &Cli,
    config: &Config,
    credentials: &[ServerCredential],
    signals: Signals,
) -> Result<(), Failure> {
    let identity = if config.is_demonstration() { local_identity()? } else { everybody(config)? };
    let public = config.public_url(config.listen(&cli.serve))?;
    let reloadable_authenticator =
        Arc::new(ReloadableAuthenticator::new(authenticator(config, AuthMode::None, None, &public)?));
    let (node, place, _) = open(cli, config, credentials).await?;
    let builder = McpServer::builder(
        node.governor.clone(),
        SharedAuthenticator(Arc::clone(&reloadable_authenticator)),
        public.clone(),
    );
    let server = configured(builder, config)?.build()?;
    tracing::info!(user = %identity.user, store = place, "serving standard input and output");
    if !holds_something(&node, &identity) {
        tracing::warn!(
            user = %identity.user,
            "nothing is granted to this person: grant a profile (`[grants]` in the file, or `govern grant`), or name another person \
             as `auth.user`"
        );
    }
    let stop = signals.stop();
    let following = follow(&node)?;
    let retaining = Retention::start(&node, config)?;
    let reloading = tokio::spawn(Reloader::new(cli, config, &node, reloadable_authenticator, public).run(signals));
    tokio::pin! { let serving = server.serve_stdio(identity); }
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop => {
            // Calls in flight have the grace to end, and their answers a moment to be read.
            let idle = async {
                while node.governor.status().calls_in_flight > 0 {
                    tokio::time::sleep(BREATH).await;
                }
                tokio::time::sleep(BREATH).await;
            };
            tokio::select! {
                ended = &mut serving => ended,
                _ = tokio::time::timeout(config.shutdown_grace(), idle) => {
                    server.close();
                    Ok(())
                }
            }
        }
    };
    reloading.abort();
    following.abort();
    drop(retaining);
    node.close().await;
    Ok(ended?)
}

/// Whether a grant holds for a person, or for a group that the person belongs to.
fn holds_something(node: &Node, identity: &Identity) -> bool {
    let (state, now) = (node.governor.state(), node.governor.now());
    state.grants().values().filter(|grant| grant.holds(now)).any(|grant| match grant.grantee() {
        Grantee::User(user) => *user == identity.user,
        Grantee::Group(group) => identity.groups.contains(group),
        Grantee::Service(client) => *client == identity.client,
    })
}

/// Opens the store, brings the governance about, and puts the credentials in place.
async fn open(
    cli: &Cli,
    config: &Config,
    credentials: &[ServerCredential],
) -> Result<(Node, String, OAuthAccounts), Failure> {
    let providers = Providers::checked(config)?;
    providers.log();
    let accounts = connect::accounts(config, &providers)?;
    // A client that starts a demonstration of its own does so wherever it happens to be, and may start several.
    let own = (cli.serve.stdio && config.is_demonstration()).then_some("memory");
    let mut flags = cli.store.clone();
    flags.url = flags.url.or(own.map(str::to_owned));
    let place = StorePlace::of(config, &flags)?;
    if cli.store.url.as_deref().is_some_and(holds_password) {
        tracing::warn!(
            "the password in `--store` is visible in the list of processes, where every user of this machine can read it: write \
             `store.url = {{ env = \"NAME\" }}` or `{{ file = \"path\" }}` into the file instead"
        );
    }
    let names = if config.document.store.readable_names { ReadableNames::Recorded } else { ReadableNames::Omitted };
    let (stores, audit_key) = (place.open().await?, place.audit_key()?);
    if place.is_memory() && !config.is_demonstration() {
        tracing::warn!("state is kept in memory: grants, reviews and the record are gone when the gateway ends");
    }
    let (tenant, actor) = (config.tenant()?, administrator()?);
    let keeper = place.head_keeper(&tenant);
    let (limits, following) = (config.document.limits.of_calls(), Following::Apart(place.clone()));
    let refresher = Arc::new(accounts.clone());
    let node = Node::open(tenant, stores, &providers.all, following, |builder| {
        let mut builder = builder
            .with_refresher(refresher)
            .with_audit_key(audit_key)
            .with_readable_names(names)
            .with_call_limits(limits);
        if let Some(keeper) = keeper {
            builder = builder.with_head_keeper(keeper);
        }
        match &cli.serve.accept_rollback {
            Some(reason) => builder.accepting_rollback(actor.clone(), reason),
            None => builder,
        }
    });
    let node = node.await?;
    let enacted = enact(&node.governor, &actor, &config.blueprint).await;
    let enacted = enacted.map_err(|error| match error.kind() {
        GovernErrorKind::Invalid | GovernErrorKind::NotFound | GovernErrorKind::NotPossible => placed(config, &error),
        _ => Failure::from(error).at(config.name()),
    })?;
    if config.is_demonstration() {
        tracing::debug!(steps = enacted.steps.len(), "the demonstration is in place");
    } else {
        enacted.log();
    }
    for (server, placed) in credentials::put(&node.governor, &actor, &node.stores, credentials).await? {
        if config.is_demonstration() {
            tracing::debug!(%server, "the stand-in's key is in place");
        } else {
            placed.log(&server);
        }
    }
    if !connect::put_applications(config, &accounts, &node.governor, &actor).await.is_empty() {
        let (config, accounts, governor) = (config.clone(), accounts.clone(), node.governor.clone());
        tokio::spawn(connect::keep_putting(config, accounts, governor, actor));
    }
    if !config.is_demonstration() {
        for server in credentials::kept(&node.governor.state(), config) {
            tracing::info!(%server, "kept, not in the file: the shared credential of the server (one in the file replaces it)");
        }
    }
    for server in credentials::absent(&node.governor) {
        tracing::warn!(%server, "there is no credential: calls are denied until one is set");
    }
    let status = node.governor.status();
    for (server, fault) in &status.faults {
        tracing::error!(%server, fault, "the server cannot be used");
    }
    for (server, how) in &status.differing {
        tracing::error!(%server, how, "the server's tools are others than were synced: calls of those that differ are denied");
    }
    for (server, sunset) in &status.sunsets {
        tracing::warn!(%server, date = sunset.date, "the vendor has announced the end of this API: {}", sunset.notice);
    }
    for idle in idle_approvals(&node.governor.state(), &config.blueprint) {
        tracing::warn!("{idle}");
    }
    Ok((node, place.shown(), accounts))
}

/// Logs what others decide from now on.
fn follow(node: &Node) -> Result<JoinHandle<()>, Failure> {
    let governor = node.governor.clone();
    let state = governor.state();
    Ok(tokio::spawn(follow::run(governor, state, administrator()?)))
}

/// What the file says about the server.
pub(crate) fn configured(builder: McpServerBuilder, config: &Config) -> Result<McpServerBuilder, Failure> {
    let http = &config.document.http;
    let seconds = Duration::from_secs;
    let mut builder = builder
        .with_name("mcp-govern-gateway", env!("CARGO_PKG_VERSION"))
        .with_hosts(&http.hosts)
        .with_origins(&http.origins)
        .with_host_hint(
            "Add it to `http.hosts` in the gateway's file, or set `http.public_url` to the URL that clients use",
        )
        .with_origin_hint("Add it to `http.origins` in the gateway's file")
        .with_shutdown_grace(config.shutdown_grace());
    if let Some(resource) = config.resource() {
        builder = builder.with_resource(resource);
    }
    if let Some(title) = &http.title {
        builder = builder.with_title(title);
    }
    if let Some(instructions) = &http.instructions {
        builder = builder.with_instructions(instructions);
    }
    if let Some(proxies) = &http.trusted_proxies {
        let header = http::HeaderName::try_from(&proxies.header)
            .map_err(|error| Failure::config(format!("http.trusted_proxies.header: {error}")))?;
        builder = builder.with_trusted_proxies(TrustedProxies::new(header, proxies.networks.iter().copied()));
    }
    if let Some(key) = &http.state_key {
        let key = key.resolve(config.base()).map_err(|failure| failure.at("http.state_key"))?;
        builder = builder.with_state_key(key);
    }
    if let Some(size) = http.page_size {
        builder = builder.with_page_size(size);
    }
    if http.access_requests == Some(AccessRequests::Off) {
        builder = builder.without_access_requests();
    }
    if let Some(ttl) = http.list_ttl_seconds {
        builder = builder.with_list_ttl(seconds(ttl));
    }
    if let Some(deadline) = http.call_deadline_seconds {
        builder = builder.with_call_deadline(seconds(deadline));
    }
    Ok(bounded(builder, http))
}

/// The bounds that the file states.
fn bounded(mut builder: McpServerBuilder, http: &Http) -> McpServerBuilder {
    let seconds = Duration::from_secs;
    if let Some(bytes) = http.max_body_bytes {
        builder = builder.with_max_body_bytes(bytes);
    }
    if let Some(bytes) = http.max_body_bytes_in_flight {
        builder = builder.with_max_body_bytes_in_flight(bytes);
    }
    if let Some(most) = http.max_connections {
        builder = builder.with_max_connections(most);
    }
    if let Some(most) = http.max_connections_per_address {
        builder = builder.with_max_connections_per_address(most);
    }
    if let Some(most) = http.max_operations_connections {
        builder = builder.with_max_operations_connections(most);
    }
    if let Some(timeout) = http.idle_timeout_seconds {
        builder = builder.with_idle_timeout(seconds(timeout));
    }
    if let Some(timeout) = http.write_timeout_seconds {
        builder = builder.with_write_timeout(seconds(timeout));
    }
    if let Some(timeout) = http.unauthenticated_timeout_seconds {
        builder = builder.with_unauthenticated_timeout(seconds(timeout));
    }
    if let Some(most) = http.max_unauthenticated_requests {
        builder = builder.with_max_unauthenticated_requests(most);
    }
    builder
}

/// With as many connections as the process can have open files for.
fn fitted(builder: McpServerBuilder, http: &Http) -> McpServerBuilder {
    let wanted = http.max_connections.unwrap_or(McpServerBuilder::MAX_CONNECTIONS);
    let operations = http
        .operations
        .map_or(0, |_| http.max_operations_connections.unwrap_or(McpServerBuilder::MAX_OPERATIONS_CONNECTIONS));
    let limit = files::raise_limit();
    let fit = Fit::new(limit, wanted, operations);
    let Some(needed) = fit.needed else { return builder };
    tracing::warn!(
        limit,
        needed,
        connections = fit.connections,
        "the process may not have enough files open for `http.max_connections`: fewer connections are served; raise the hard limit \
         (`ulimit -Hn`, `LimitNOFILE=`)"
    );
    builder.with_max_connections(fit.connections)
}

/// The vendors' sign-ins, with links that are taken once on all nodes.
pub(crate) fn sign_ins(
    config: &Config,
    mode: AuthMode,
    accounts: OAuthAccounts,
    stores: &TenantStores,
    public: &Url,
) -> Result<ConnectAccounts, Failure> {
    let connect = ConnectAccounts::new(accounts).with_one_time(Arc::clone(&stores.one_time));
    match mode {
        AuthMode::None => Ok(connect.with_visitors(OnThisMachine(everybody(config)?.user))),
        AuthMode::Static => Ok(connect),
        AuthMode::Jwt | AuthMode::Both => match config.document.auth.sign_in() {
            Some((jwt, sign_in)) => Ok(connect.with_sign_in(AtTheIssuer::new(config, jwt, sign_in, public)?)),
            None => Ok(connect.with_token_hint(NO_SIGN_IN)),
        },
    }
}

/// Without any proof of identity only this machine is served.
pub(crate) fn refuse_open_access(mode: AuthMode, address: SocketAddr, public: &Url) -> Result<(), Failure> {
    if mode != AuthMode::None {
        return Ok(());
    }
    if !address.ip().is_loopback() {
        return Err(Failure::config(format!(
            "`--auth none` treats all callers as one person and is possible on loopback alone: {address} can be reached from other \
             machines. Listen on 127.0.0.1, or use `static` or `jwt`"
        )));
    }
    let local = match public.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if local {
        return Ok(());
    }
    Err(Failure::config(format!(
        "`--auth none` treats all callers as one person, and `{public}` says that others come through a proxy: use `static` or `jwt`"
    )))
}

/// The token from the command line; for the demonstration the one that it has kept where there is none.
fn demo_token(cli: &Cli, config: &Config, mode: AuthMode) -> Result<Option<Secret>, Failure> {
    match (&cli.serve.demo_token, mode) {
        (Some(token), AuthMode::Static | AuthMode::Both) => Ok(Some(token.clone())),
        (Some(_), other) => Err(Failure::config(format!(
            "`--demo-token` goes with static tokens, and the mode is `{}`: say `--auth static` or leave the token out",
            other.as_str()
        ))),
        (None, AuthMode::Static) if config.is_demonstration() => {
            StorePlace::of(config, &cli.store)?.demo_token().map(Some)
        }
        (None, _) => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Other(format!("cannot listen on {address}: {error}; `--listen 127.0.0.1:0` takes a free port"))
    })
}

/// Health and metrics on a port of their own. They are served until the end, so that the end can be watched.
async fn serve_aside(server: McpServer, listener: TcpListener, app: axum::Router, mut closing: watch::Receiver<bool>) {
    let stop = async move {
        let _ = closing.wait_for(|closed| *closed).await;
    };
    server.serve_operations(listener, app, stop).await;
}

/// Flushes what was printed; whoever has gone away does not read it.
pub(crate) fn flush(out: &mut impl Write) -> Result<(), Failure> {
    match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_proof_only_this_machine_is_served() {
        let refused = |mode, address: &str, public: &str| {
            refuse_open_access(mode, address.parse().unwrap(), &public.parse().unwrap()).is_err()
        };
        let here = "http://127.0.0.1:8700/mcp";
        assert!(!refused(AuthMode::None, "127.0.0.1:1", here) && !refused(AuthMode::None, "[::1]:1", here));
        assert!(refused(AuthMode::None, "0.0.0.0:1", here) && refused(AuthMode::None, "192.0.2.1:1", here));
        assert!(refused(AuthMode::None, "127.0.0.1:1", "https://tools.example.com/mcp"));
        assert!(!refused(AuthMode::Static, "0.0.0.0:1", "https://tools.example.com/mcp"));
    }
}

//! Faults between the parts of the file, found without looking at anything else.

use example_vendors::nearest;
use mcp_govern_core::{CredentialSharing, ServerId, blueprint::Blueprint};

use super::{Document, GrantKind};

/// What is wrong, one sentence each.
pub(super) fn of(document: &Document, blueprint: &Blueprint) -> Vec<String> {
    let mut faults = Vec::new();
    for server in document.credentials.keys() {
        match blueprint.servers.get(server) {
            None => faults.push(format!("credentials.{server}: {}", no_server(server, blueprint))),
            Some(row) if row.sharing == CredentialSharing::PerUser => faults.push(format!(
                "credentials.{server}: the credentials of this server are each person's own; there is no shared one to set"
            )),
            Some(_) => {}
        }
    }
    for (server, sign_in) in &document.connect {
        let acts_as_itself = sign_in.grant == GrantKind::ClientCredentials;
        if acts_as_itself && document.credentials.contains_key(server) {
            faults.push(format!(
                "connect.{server}: the server's credential is under `credentials.{server}` already: state one of the two"
            ));
        }
        if acts_as_itself && sign_in.client_secret.is_none() {
            faults.push(format!("connect.{server}: client credentials need a `client_secret`"));
        }
        match blueprint.servers.get(server) {
            Some(row) if acts_as_itself && row.sharing == CredentialSharing::PerUser => faults.push(format!(
                "connect.{server}: each person has an account of this server; client credentials are the application's, for a server \
                 with `sharing = \"shared\"`"
            )),
            Some(_) if acts_as_itself => {}
            None => faults.push(format!("connect.{server}: {}", no_server(server, blueprint))),
            Some(row) if row.sharing == CredentialSharing::Shared => faults.push(format!(
                "connect.{server}: all callers share one credential of this server; people connect accounts where it says \
                 `sharing = \"per_user\"`"
            )),
            Some(_) => {}
        }
    }
    if let Some(proxies) = &document.http.trusted_proxies
        && http::HeaderName::try_from(&proxies.header).is_err()
    {
        faults.push(format!("http.trusted_proxies: `{}` is not a valid header name", proxies.header.escape_debug()));
    }
    faults.extend(document.limits.faults());
    match (document.audit.keep_days, &document.audit.export) {
        (Some(0), _) => faults.push("audit.keep_days: at least one day".to_owned()),
        (Some(_), None) => faults.push(
            "audit.export is not set: what is older than `audit.keep_days` is sealed into files there before it is dropped"
                .to_owned(),
        ),
        (None, Some(_)) => faults.push("audit.keep_days is not set: nothing would be put into `audit.export`".to_owned()),
        _ => {}
    }
    faults
}

fn no_server(server: &ServerId, blueprint: &Blueprint) -> String {
    match nearest(server.as_str(), blueprint.servers.keys().map(ServerId::as_str)) {
        Some(near) => format!("there is no server `{server}`; did you mean `{near}`?"),
        None => format!("there is no server `{server}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(document: &str) -> Vec<String> {
        let row = "title = 'S'\nprovider = 'pagerduty'\nprefix = 's'\nauth_method = 'oauth'\n";
        let blueprint = format!("[servers.shared]\n{row}[servers.own]\n{row}sharing = 'per_user'\n");
        of(&toml::from_str(document).unwrap(), &toml::from_str(&blueprint).unwrap())
    }

    #[test]
    fn a_table_for_a_server_that_is_not_there_names_the_nearest_one() {
        let found = faults("[credentials.sharde]\nkey = { env = 'A' }");
        assert_eq!(found, ["credentials.sharde: there is no server `sharde`; did you mean `shared`?"]);
    }

    #[test]
    fn limits_leave_room_for_others_and_let_something_begin() {
        assert!(faults("[limits]\ncalls_in_flight_per_person = 1000\ncalls_in_flight_per_client = 5000").is_empty());
        assert!(faults("[limits]\ncalls_in_flight = 5\ncalls_in_flight_per_person = 1").is_empty());
        for (limit, expected) in [
            ("calls_in_flight = 0", "limits.calls_in_flight: expected 1 to 1000000"),
            (
                "calls_in_flight_per_person = 1001",
                "limits.calls_in_flight_per_person: expected 1 to 1000 (a tenth of all",
            ),
            ("calls_in_flight_per_client = 5001", "limits.calls_in_flight_per_client: expected 1 to 5000 (half of all"),
            ("rate_per_person = { per_second = 0, burst = 1 }", "limits.rate_per_person: expected `per_second` of 1"),
            ("rate_per_client = { per_second = 1, burst = 0 }", "limits.rate_per_client: expected"),
        ] {
            let found = faults(&format!("[limits]\n{limit}"));
            assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn what_is_dropped_is_kept_elsewhere_first() {
        assert!(faults("[audit]\nkeep_days = 90")[0].contains("audit.export is not set"));
        assert!(faults("[audit]\nexport = 'old'")[0].contains("keep_days is not set"));
        assert!(faults("[audit]\nkeep_days = 0\nexport = 'old'")[0].contains("at least one day"));
        assert!(faults("[audit]\nkeep_days = 90\nexport = 'old'").is_empty());
    }

    #[test]
    fn shared_and_own_credentials_are_not_confused() {
        assert!(faults("[credentials.own]\nkey = { env = 'A' }")[0].contains("each person's own"));
        let sign_in = "authorize_url = 'https://a.example/a'\ntoken_url = 'https://a.example/t'\nclient_id = 'c'\n";
        assert!(faults(&format!("[connect.shared]\n{sign_in}"))[0].contains("per_user"));
        assert!(faults(&format!("[connect.own]\n{sign_in}[credentials.shared]\nkey = {{ file = 'k' }}")).is_empty());
        let itself = format!("{sign_in}grant = 'client_credentials'\nclient_secret = {{ file = 's' }}\n");
        assert!(faults(&format!("[connect.shared]\n{itself}")).is_empty());
        assert!(faults(&format!("[connect.own]\n{itself}"))[0].contains("`sharing = \"shared\"`"));
        let both = format!("[connect.shared]\n{itself}[credentials.shared]\nkey = {{ file = 'k' }}");
        assert!(faults(&both)[0].contains("state one of the two"));
        let public = itself.replace("client_secret = { file = 's' }", "");
        assert!(faults(&format!("[connect.shared]\n{public}"))[0].contains("need a `client_secret`"));
        assert!(faults("[http.trusted_proxies]\nnetworks = []\nheader = 'a b'")[0].contains("not a valid header name"));
    }
}

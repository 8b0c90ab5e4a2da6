//! Protected-resource metadata (RFC 9728).

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use url::Url;

use super::origins::open_to_all;
use crate::identity::Authenticate;

/// Where the metadata of a resource is.
#[derive(Debug, Clone)]
pub(crate) struct MetadataUrls {
    /// The full URL of the form with the resource's path in it, which clients are sent to.
    pub(crate) full: String,
    paths: Vec<String>,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl MetadataUrls {
    /// RFC 9728, section 3.1: the well-known part is between host and path. Clients that know the host alone look at its root.
    pub(crate) fn of(resource: &Url) -> Self {
        let path = resource.path().trim_end_matches('/');
        let own = format!("{WELL_KNOWN}{path}");
        let mut url = resource.clone();
        url.set_path(&own);
        url.set_query(None);
        let mut paths = vec![own.clone()];
        if !path.is_empty() {
            paths.push(WELL_KNOWN.to_owned());
        }
        // Whoever has the URL with a slash behind it looks there.
        paths.push(format!("{own}/"));
        Self { full: url.into(), paths }
    }
}

/// The routes of the metadata.
pub(crate) fn metadata(urls: &MetadataUrls, resource: &str, name: &str, authenticate: &dyn Authenticate) -> Router {
    let document = document(resource, name, authenticate);
    let router = urls.paths.iter().fold(Router::new(), |router, path| {
        let document = document.clone();
        router.route(path, get(move || std::future::ready(Json(document))))
    });
    router.route_layer(open_to_all())
}

fn document(resource: &str, name: &str, authenticate: &dyn Authenticate) -> Value {
    let mut document = json!({
        "resource": resource,
        "authorization_servers": authenticate.authorization_servers(),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    });
    let scopes = authenticate.scopes();
    if let (Some(document), false) = (document.as_object_mut(), scopes.is_empty()) {
        document.insert("scopes_supported".to_owned(), scopes.into());
    }
    document
}

/// A URL as an identifier where nothing says how it is spelled: without the slash that the URL standard puts behind a host.
pub(crate) fn identifier(url: &Url) -> String {
    let text = url.as_str();
    if url.path() == "/" { text.trim_end_matches('/').to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_stands_at_the_root_and_under_the_path() {
        let urls = MetadataUrls::of(&"https://tools.example.com/a/mcp".parse().unwrap());
        assert_eq!(urls.full, "https://tools.example.com/.well-known/oauth-protected-resource/a/mcp");
        assert_eq!(urls.paths, [format!("{WELL_KNOWN}/a/mcp"), WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/a/mcp/")]);
        let root = MetadataUrls::of(&"https://tools.example.com".parse().unwrap());
        assert_eq!(root.paths, [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/")]);
    }

    #[test]
    fn a_url_as_an_identifier_has_no_slash_that_was_not_written() {
        assert_eq!(identifier(&"https://id.example.com".parse().unwrap()), "https://id.example.com");
        assert_eq!(identifier(&"https://id.example.com/realms/a".parse().unwrap()), "https://id.example.com/realms/a");
    }
}

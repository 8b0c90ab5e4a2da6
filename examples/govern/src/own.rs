//! APIs of one's own, as `--api` names them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use example_vendors::OwnApi;
use mcp_govern_openapi::OpenApiProvider;
use serde::Deserialize;

use crate::failure::Failure;

/// The gateway's file, as far as it names documents.
#[derive(Deserialize)]
struct GatewayFile {
    #[serde(default)]
    apis: Vec<OwnApi>,
}

/// The documents that `--api` names: one, or those of the gateway's file with what that says of them. A document that cannot be used
/// does not keep the others from being read.
pub(crate) fn read(files: &[PathBuf]) -> Vec<Result<OpenApiProvider, Failure>> {
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Result<OpenApiProvider, Failure>> {
    if file.extension().is_none_or(|extension| extension != "toml") {
        return vec![one(&OwnApi::new(file), Path::new(""))];
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    match apis_of(file) {
        Ok(apis) => apis.iter().map(|api| one(api, folder)).collect(),
        Err(failure) => vec![Err(failure)],
    }
}

fn apis_of(file: &Path) -> Result<Vec<OwnApi>, Failure> {
    let place = |text: &dyn std::fmt::Display| Failure::Usage(format!("`{}`: {text}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| place(&error))?;
    // Of the error only the message is shown: the line itself may hold a secret that does not belong there.
    let read: Result<GatewayFile, _> = toml::from_str(&text);
    read.map(|read| read.apis).map_err(|error| place(&error.message()))
}

fn one(api: &OwnApi, folder: &Path) -> Result<OpenApiProvider, Failure> {
    let place = |text: &dyn std::fmt::Display| Failure::Usage(format!("`{}`: {text}", api.document.display()));
    api.builder(folder).map_err(|error| place(&error))?.build().map_err(|error| place(&error))
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::Provider as _;

    use super::*;

    const API: &str = r#"{"openapi": "3.1.0", "info": {"title": "T API", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": {"/a": {"get": {"operationId": "get_a"}}, "/b": {"get": {"operationId": "get_b"}}}}"#;

    #[test]
    fn a_document_is_named_by_itself_or_by_the_gateways_file_with_what_that_says_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let document = file("api.json", API);
        let gateway = file(
            "gateway.toml",
            "apis = [{ document = 'api.json', operations = ['get_a'] }, 'gone.json']\n[servers.s]\nprovider = 't-api'\n",
        );
        let tools = |provider: &OpenApiProvider| provider.catalogue().tools.len();
        let read = read(&[document, gateway]);
        assert_eq!(read.len(), 3);
        assert_eq!((tools(read[0].as_ref().unwrap()), tools(read[1].as_ref().unwrap())), (2, 1));
        assert_eq!(read[0].as_ref().unwrap().info().id.as_str(), "t-api");
        assert!(read[2].as_ref().unwrap_err().to_string().contains("gone.json"));
    }
}

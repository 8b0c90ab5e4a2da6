//! An API of one's own: its document, and what of it is meant.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use mcp_govern_openapi::{EditionDocument, ForeignDocument, OpenApiProvider, OpenApiProviderBuilder, ResultForms};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The document of an API of one's own: a path, or a table with more to say, as under `apis` of the gateway's file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnApi {
    /// A relative path is meant from the folder of the file that names it.
    pub document: PathBuf,
    /// Which operations are meant, and what they are called.
    pub how: ForeignDocument,
    /// Whether answers are held to what the document says of them.
    pub results: ResultForms,
    /// What the document's own edition is called, where there are further ones.
    pub edition: Option<String>,
    /// Documents of further editions: the same tools at another API.
    pub editions: Vec<OwnEdition>,
}

/// The document of a further edition of an API of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OwnEdition {
    /// What servers name it by.
    pub id: String,
    /// A name for people; the document's title where absent.
    pub title: Option<String>,
    /// A relative path is meant from the folder of the file that names it.
    pub document: PathBuf,
}

impl OwnApi {
    /// All operations of a document.
    pub fn new(document: impl Into<PathBuf>) -> Self {
        let (how, results) = (ForeignDocument::new(), ResultForms::default());
        Self { document: document.into(), how, results, edition: None, editions: Vec::new() }
    }

    /// The provider before it is built, with the document read.
    ///
    /// # Errors
    ///
    /// When a document cannot be read.
    pub fn builder(&self, folder: &Path) -> io::Result<OpenApiProviderBuilder> {
        let text = std::fs::read_to_string(folder.join(&self.document))?;
        let mut builder =
            OpenApiProvider::builder().document(text).foreign(self.how.clone()).result_forms(self.results);
        if let Some(id) = &self.edition {
            builder = builder.edition_id(id);
        }
        for edition in &self.editions {
            let path = folder.join(&edition.document);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", edition.document.display())))?;
            let mut document = EditionDocument::new(text).with_id(&edition.id).foreign(self.how.clone());
            if let Some(title) = &edition.title {
                document = document.with_title(title);
            }
            builder = builder.edition(document);
        }
        Ok(builder)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    document: PathBuf,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default)]
    results: Results,
    edition: Option<String>,
    #[serde(default)]
    editions: Vec<OwnEdition>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Results {
    #[default]
    Declared,
    Undeclared,
}

impl<'de> Deserialize<'de> for OwnApi {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

// Not an untagged enum, which would hide the name of an unknown key.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = OwnApi;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the path of an OpenAPI document, or `{ document = \"…\", operations = […], ignore = […], names = {…}, results = \"…\", edition = \"…\", editions = […] }`",
        )
    }

    fn visit_str<E>(self, path: &str) -> Result<OwnApi, E> {
        Ok(OwnApi::new(path))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OwnApi, A::Error> {
        let Table { document, operations, ignore, names, results, edition, editions } =
            Table::deserialize(MapAccessDeserializer::new(map))?;
        let how = ForeignDocument::new().with_operations(operations).with_ignore(ignore);
        let how = names.into_iter().fold(how, |how, (operation, name)| how.with_name(operation, name));
        let results = match results {
            Results::Declared => ResultForms::Declared,
            Results::Undeclared => ResultForms::Undeclared,
        };
        Ok(OwnApi { document, how, results, edition, editions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        apis: Vec<OwnApi>,
    }

    #[test]
    fn an_api_is_a_path_or_a_table() {
        let file: File = toml::from_str(
            "apis = ['a.yaml', { document = 'b.json', operations = ['GET *'], ignore = ['x'], names = { 'GET /a' = 'get_a' }, \
             results = 'undeclared' }]",
        )
        .unwrap();
        assert_eq!(file.apis[0], OwnApi::new("a.yaml"));
        let how = ForeignDocument::new().with_operations(["GET *"]).with_ignore(["x"]).with_name("GET /a", "get_a");
        assert_eq!(
            file.apis[1],
            OwnApi { document: "b.json".into(), how, results: ResultForms::Undeclared, ..OwnApi::new("") }
        );
        let file: File = toml::from_str(
            "apis = [{ document = 'a.yaml', edition = 'old', editions = [{ id = 'new', document = 'b.yaml' }] }]",
        )
        .unwrap();
        assert_eq!(file.apis[0].edition.as_deref(), Some("old"));
        let new = OwnEdition { id: "new".to_owned(), title: None, document: "b.yaml".into() };
        assert_eq!(file.apis[0].editions, [new]);
    }

    #[test]
    fn what_is_neither_says_what_is_expected_and_an_unknown_key_is_named() {
        let refused = |text: &str| toml::from_str::<File>(text).unwrap_err().message().to_owned();
        assert!(refused("apis = [1]").contains("the path of an OpenAPI document"));
        assert!(refused("apis = [{ document = 'a', operation = [] }]").contains("`operation`"));
        assert!(refused("apis = [{ operations = [] }]").contains("`document`"));
        assert!(refused("apis = [{ document = 'a', results = 'any' }]").contains("`undeclared`"));
    }
}

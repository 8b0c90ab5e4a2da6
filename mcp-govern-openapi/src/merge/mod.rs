//! Several files to one document. All that a provider's build script needs.

pub(crate) mod defaults;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, map::Entry};

use self::defaults::{fill_all, fill_paths};
use crate::error::{DocumentError, DocumentErrorKind};

/// The key under which an operation remembers the file that it came from, so that later errors can name it.
pub(crate) const FILE_KEY: &str = "x-file";

/// Where the specifications of recipes stand, at the top of a file or of the document.
pub(crate) const RECIPES: &str = "x-govern-recipes";

/// Merges files that describe one API together into one OpenAPI document.
///
/// Each pair is a file's name, for messages, and its text in YAML (JSON is YAML too). `paths` and every section of
/// `components`, and `x-govern-recipes`, are joined by name, `tags` are put one after the other, and every other top-level key
/// may stand in one file only. Each operation gets the key `x-file` with its file's name.
///
/// `x-govern-defaults` of a path item, and at the top of a file, is filled into the operations there that do not say it. At the top
/// of the file with `openapi` it holds for the whole document and stays where it is.
///
/// # Errors
///
/// When a text is no YAML, when its defaults are wrong, or when two files define the same operation, component or top-level key. The
/// message names the files.
pub fn merge_documents<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Value, DocumentError> {
    let mut merged = Merged::default();
    for (file, text) in texts {
        let Value::Object(mut document) = parse_yaml(file, text)? else {
            return Err(clash(file, "the document is not an object with the keys of OpenAPI"));
        };
        fill_paths(&mut document).map_err(|fault| clash(file, fault.to_string()))?;
        if !document.contains_key("openapi") {
            fill_all(&mut document).map_err(|fault| clash(file, fault.to_string()))?;
        }
        document.into_iter().try_for_each(|(key, value)| merged.take(file, key, value))?;
    }
    Ok(merged.finish())
}

/// Merges every `*.yaml` file of a directory, in the order of the names, and writes the document as JSON.
///
/// Made for build scripts: the answer lists the files that were read, for `cargo:rerun-if-changed`.
///
/// # Errors
///
/// As [`merge_documents`], and when a file cannot be read or written, or the directory holds no YAML file.
pub fn merge_directory(directory: &Path, target: &Path) -> Result<Vec<PathBuf>, DocumentError> {
    let sources = read_directory(directory)?;
    let merged = merge_documents(sources.iter().map(|source| (source.name.as_str(), source.text.as_str())))?;
    std::fs::write(target, merged.to_string()).map_err(|error| unreadable(target, &error))?;
    Ok(sources.into_iter().map(|source| source.path).collect())
}

/// A file of a document.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The file's name, for messages.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The `*.yaml` files of a directory, in the order of their names.
pub(crate) fn read_directory(directory: &Path) -> Result<Vec<Source>, DocumentError> {
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(DocumentError::one(
            DocumentErrorKind::File,
            directory.display().to_string(),
            "holds no `.yaml` file",
        ));
    }
    let read = |path: PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(Source { path, name, text })
    };
    files.into_iter().map(read).collect()
}

fn unreadable(path: &Path, error: &std::io::Error) -> DocumentError {
    DocumentError::one(DocumentErrorKind::File, path.display().to_string(), error.to_string())
}

/// Reads YAML. Keys that stand twice are refused.
pub(crate) fn parse_yaml(file: &str, text: &str) -> Result<Value, DocumentError> {
    serde_saphyr::from_str(text).map_err(|error| DocumentError::one(DocumentErrorKind::Syntax, file, error.to_string()))
}

/// The document so far, its joined parts apart.
#[derive(Default)]
struct Merged {
    paths: BTreeMap<String, Map<String, Value>>,
    components: BTreeMap<String, Map<String, Value>>,
    recipes: Map<String, Value>,
    tags: Vec<Value>,
    rest: Map<String, Value>,
}

impl Merged {
    fn take(&mut self, file: &str, key: String, value: Value) -> Result<(), DocumentError> {
        match (key.as_str(), value) {
            ("paths", Value::Object(paths)) => {
                paths.into_iter().try_for_each(|(path, item)| self.path(file, path, item))
            }
            ("components", Value::Object(sections)) => sections.into_iter().try_for_each(|(section, members)| {
                let place = format!("components.{section}");
                let Value::Object(members) = members else {
                    return Err(clash(file, format!("`{place}` is not an object")));
                };
                join(self.components.entry(section).or_default(), members, file, &place)
            }),
            (RECIPES, Value::Object(mut recipes)) => {
                for recipe in recipes.values_mut().filter_map(Value::as_object_mut) {
                    recipe.insert(FILE_KEY.to_owned(), Value::from(file));
                }
                join(&mut self.recipes, recipes, file, "`x-govern-recipes`")
            }
            ("tags", Value::Array(mut tags)) => {
                self.tags.append(&mut tags);
                Ok(())
            }
            (_, value) => join(&mut self.rest, Map::from_iter([(key, value)]), file, "the document"),
        }
    }

    fn path(&mut self, file: &str, path: String, item: Value) -> Result<(), DocumentError> {
        let Value::Object(mut item) = item else {
            return Err(clash(file, format!("`{path}` is not an object")));
        };
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            operation.insert(FILE_KEY.to_owned(), Value::from(file));
        }
        let place = format!("`{path}`");
        join(self.paths.entry(path).or_default(), item, file, &place)
    }

    fn finish(mut self) -> Value {
        let objects = |map: BTreeMap<String, Map<String, Value>>| {
            Value::Object(map.into_iter().map(|(name, members)| (name, Value::Object(members))).collect())
        };
        self.rest.insert("paths".to_owned(), objects(self.paths));
        self.rest.insert("components".to_owned(), objects(self.components));
        self.rest.insert("tags".to_owned(), Value::Array(self.tags));
        if !self.recipes.is_empty() {
            self.rest.insert(RECIPES.to_owned(), Value::Object(self.recipes));
        }
        Value::Object(self.rest)
    }
}

/// Puts the members into the target; a name that is there already is an error.
fn join(
    target: &mut Map<String, Value>,
    members: Map<String, Value>,
    file: &str,
    place: &str,
) -> Result<(), DocumentError> {
    for (name, value) in members {
        match target.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(entry) => {
                let other = entry.get().get(FILE_KEY).and_then(Value::as_str).unwrap_or("another file");
                let name = entry.key();
                return Err(clash(file, format!("`{name}` of {place} is defined twice, also in {other}")));
            }
        }
    }
    Ok(())
}

fn clash(file: &str, message: impl Into<String>) -> DocumentError {
    DocumentError::one(DocumentErrorKind::Content, file, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\ntags: [{name: a}]\n";

    #[test]
    fn files_are_joined_by_path_and_component() {
        let a =
            "paths: {/x: {get: {operationId: get_x}}}\ncomponents: {schemas: {A: {type: string}}}\ntags: [{name: b}]";
        let b = "paths: {/x: {post: {operationId: make_x}}}\ncomponents: {schemas: {B: {type: string}}}";
        let whole = merge_documents([("main.yaml", MAIN), ("a.yaml", a), ("b.yaml", b)]).unwrap();
        assert_eq!(whole["paths"]["/x"]["get"][FILE_KEY], "a.yaml");
        assert_eq!(whole["paths"]["/x"]["post"][FILE_KEY], "b.yaml");
        assert!(whole["components"]["schemas"]["A"].is_object() && whole["components"]["schemas"]["B"].is_object());
        assert_eq!(whole["tags"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_two_files_define_is_an_error_that_names_both() {
        let a = "paths: {/x: {get: {operationId: get_x}}}";
        let error = merge_documents([("a.yaml", a), ("b.yaml", a)]).unwrap_err().to_string();
        assert!(error.contains("b.yaml") && error.contains("a.yaml") && error.contains("/x"), "{error}");
        let error = merge_documents([("a.yaml", MAIN), ("b.yaml", MAIN)]).unwrap_err().to_string();
        assert!(error.contains("`info`"), "{error}");
        let schema = "components: {schemas: {A: {type: string}}}";
        let error = merge_documents([("a.yaml", schema), ("b.yaml", schema)]).unwrap_err().to_string();
        assert!(error.contains("`A` of components.schemas"), "{error}");
    }

    #[test]
    fn the_defaults_of_a_file_hold_for_its_operations_alone_and_those_of_the_document_stay() {
        let main =
            format!("{MAIN}x-govern-defaults: {{tags: [main]}}\npaths: {{/m: {{get: {{operationId: get_m}}}}}}\n");
        let a = "x-govern-defaults: {tags: [a]}\npaths: {/x: {get: {operationId: get_x}}}";
        let b = "paths: {/x: {post: {operationId: make_x}}, /y: {x-govern-defaults: {security: []}, get: {}}}";
        let whole = merge_documents([("main.yaml", &*main), ("a.yaml", a), ("b.yaml", b)]).unwrap();
        assert_eq!(whole["paths"]["/x"]["get"]["tags"], serde_json::json!(["a"]));
        assert!(
            whole["paths"]["/x"]["post"].get("tags").is_none() && whole["paths"]["/m"]["get"].get("tags").is_none()
        );
        assert_eq!(whole["paths"]["/y"], serde_json::json!({"get": {"security": [], "x-file": "b.yaml"}}));
        assert_eq!(whole["x-govern-defaults"]["tags"], serde_json::json!(["main"]));
        let error = merge_documents([("a.yaml", "x-govern-defaults: {tag: a}")]).unwrap_err().to_string();
        assert!(error.starts_with("a.yaml: ") && error.contains("`x-govern-defaults.tag`"), "{error}");
    }

    #[test]
    fn the_recipes_of_several_files_are_joined_and_two_of_one_name_are_an_error() {
        let a = "x-govern-recipes: {one: {summary: One}}";
        let whole =
            merge_documents([("m.yaml", MAIN), ("a.yaml", a), ("b.yaml", "x-govern-recipes: {two: {}}")]).unwrap();
        assert_eq!(whole["x-govern-recipes"]["one"], serde_json::json!({"summary": "One", "x-file": "a.yaml"}));
        assert!(whole["x-govern-recipes"]["two"].is_object());
        let error = merge_documents([("a.yaml", a), ("b.yaml", a)]).unwrap_err().to_string();
        assert!(error.contains("`one` of `x-govern-recipes` is defined twice, also in a.yaml"), "{error}");
    }

    #[test]
    fn a_key_that_stands_twice_in_one_file_is_refused() {
        let error = merge_documents([("a.yaml", "openapi: 3.1.0\nopenapi: 3.1.0\n")]).unwrap_err();
        assert_eq!(error.kind(), DocumentErrorKind::Syntax);
        assert!(error.to_string().starts_with("a.yaml: "), "{error}");
    }

    #[test]
    fn a_directory_becomes_one_json_file_and_the_files_are_listed() {
        let directory = std::env::temp_dir().join(format!("mcp-govern-merge-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("b.yaml"), "paths: {/x: {get: {operationId: get_x}}}").unwrap();
        std::fs::write(directory.join("a.yaml"), MAIN).unwrap();
        let target = directory.join("out.json");
        let files = merge_directory(&directory, &target).unwrap();
        let text = std::fs::read_to_string(&target).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(files[0].ends_with("a.yaml") && files[1].ends_with("b.yaml"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["paths"]["/x"]["get"]["operationId"], "get_x");
        assert_eq!(merge_directory(&directory, &target).unwrap_err().kind(), DocumentErrorKind::File);
    }
}

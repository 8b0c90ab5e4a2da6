//! The tables of a provider's tools in its crate's documentation.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use mcp_govern_core::{Binding, Catalogue, Effect, Risk, ToolDefinition};

use crate::{Failure, Verdict};

/// Where a crate's documentation is kept, and where it is read.
#[derive(Debug, Clone)]
pub struct Home {
    directory: PathBuf,
    links: String,
}

/// What stands around the table of areas in the README.
const MARKS: (&str, &str) = ("<!-- tools -->\n", "<!-- /tools -->");
/// The folder of the tables, below the crate's.
const FOLDER: &str = "docs/tools";
/// The area of a tool that states none.
const OTHERS: &str = "others";

impl Home {
    /// A crate's folder, and the address at which that folder is read. The README is shown in several places, of which some resolve no
    /// relative links: so links are absolute.
    pub fn new(directory: impl Into<PathBuf>, links: impl Into<String>) -> Self {
        Self { directory: directory.into(), links: links.into() }
    }
}

/// The crate's `docs/tools/` holds one table for each area of the catalogue, and no other file: each tool with effect, risk, whom it
/// notifies, method and path. The README has a table of the areas, how many tools of which kind they have, and links, between
/// `<!-- tools -->` and `<!-- /tools -->`.
///
/// With `UPDATE=1` in the environment they are written instead: [`write_the_documentation`].
///
/// # Errors
///
/// The files that are other than they should be.
pub fn the_documentation_lists_every_tool(catalogue: &Catalogue, home: &Home) -> Verdict {
    if env::var_os("UPDATE").is_some() {
        return write_the_documentation(catalogue, home);
    }
    let due = due(catalogue, home)?;
    let mut faults = Vec::new();
    for (path, due) in &due {
        if read(&home.directory.join(path))?.as_ref() != Some(due) {
            faults.push(format!("`{}` is not that of the catalogue: run the tests with UPDATE=1", path.display()));
        }
    }
    let stale = written(&home.directory)?.into_iter().filter(|path| !due.contains_key(path));
    faults.extend(
        stale.map(|path| format!("`{}` is of no area of the catalogue: run the tests with UPDATE=1", path.display())),
    );
    Failure::unless_none(&faults)
}

/// Writes what [`the_documentation_lists_every_tool`] looks for, and removes the tables of areas that are no longer there.
///
/// # Errors
///
/// When the README has no place for the table of areas, or a file cannot be written.
pub fn write_the_documentation(catalogue: &Catalogue, home: &Home) -> Verdict {
    let due = due(catalogue, home)?;
    for (path, text) in &due {
        write(&home.directory.join(path), text)?;
    }
    for stale in written(&home.directory)?.into_iter().filter(|path| !due.contains_key(path)) {
        fs::remove_file(home.directory.join(&stale)).map_err(|error| of(&stale, &error))?;
    }
    Ok(())
}

/// The files as they should be, by their paths below the crate's folder.
fn due(catalogue: &Catalogue, home: &Home) -> Result<BTreeMap<PathBuf, String>, Failure> {
    let text = read(&home.directory.join("README.md"))?.unwrap_or_default();
    let areas = areas(catalogue);
    let mut due: BTreeMap<PathBuf, String> =
        areas.iter().map(|(area, tools)| (file(area), page(area, tools))).collect();
    due.insert("README.md".into(), with_areas(&text, &areas, &home.links)?);
    Ok(due)
}

type Areas<'c> = BTreeMap<&'c str, Vec<&'c ToolDefinition>>;

fn areas(catalogue: &Catalogue) -> Areas<'_> {
    let mut areas = Areas::new();
    for tool in &catalogue.tools {
        areas.entry(tool.area.as_deref().unwrap_or(OTHERS)).or_default().push(tool);
    }
    areas
}

/// The file of an area, below the crate's folder.
fn file(area: &str) -> PathBuf {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    Path::new(FOLDER).join(format!("{}.md", area.chars().map(plain).collect::<String>()))
}

fn page(area: &str, tools: &[&ToolDefinition]) -> String {
    let rows: String = tools.iter().map(|tool| row(tool)).collect();
    format!(
        "# Tools: {area}\n\nWritten by the tests of this crate: `UPDATE=1 cargo test` writes it anew. Why a tool has its risk is in its \
         definition.\n\n| tool | what it does | effect | risk | notifies | method | path |\n|---|---|---|---|---|---|---|\n{rows}"
    )
}

fn row(tool: &ToolDefinition) -> String {
    let (method, path) = match &tool.binding {
        Binding::Operation(operation) => (operation.method.clone(), format!("`{}`", operation.path)),
        Binding::Recipe(recipe) => {
            let uses: Vec<String> = recipe.uses.iter().map(|name| format!("`{name}`")).collect();
            ("several".to_owned(), uses.join(", "))
        }
        _ => (String::new(), String::new()),
    };
    let title = if tool.deprecated { format!("{} (deprecated)", tool.title) } else { tool.title.clone() };
    let notifies = tool.notifies.as_deref().unwrap_or_default();
    let cells = [&format!("`{}`", tool.name), &title, effect(tool.effect), risk(tool.risk), notifies, &method, &path];
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
    }
}

fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::None => "",
        Risk::Sensitive => "sensitive",
        Risk::Dangerous => "dangerous",
    }
}

/// A text that ends no cell and no line.
fn escaped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn with_areas(readme: &str, areas: &Areas<'_>, links: &str) -> Result<String, Failure> {
    let missing = || Failure::new(format!("README.md must have a line `{}` and a later `{}`", MARKS.0.trim(), MARKS.1));
    let (before, rest) = readme.split_once(MARKS.0).ok_or_else(missing)?;
    let (_, after) = rest.split_once(MARKS.1).ok_or_else(missing)?;
    let line = |name: &str, tools: &[&ToolDefinition]| {
        let count = |is: &dyn Fn(&ToolDefinition) -> bool| tools.iter().filter(|tool| is(tool)).count();
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} |\n",
            tools.len(),
            count(&|tool| tool.effect == Effect::Read),
            count(&|tool| tool.effect == Effect::Write),
            count(&|tool| tool.effect == Effect::Destructive),
            count(&|tool| tool.risk == Risk::Sensitive),
            count(&|tool| tool.risk == Risk::Dangerous),
        )
    };
    let rows: String =
        areas.iter().map(|(area, tools)| line(&format!("[{area}]({links}/{})", file(area).display()), tools)).collect();
    let all = line("all", &areas.values().flatten().copied().collect::<Vec<_>>());
    let head = "| area | tools | read | write | destructive | sensitive | dangerous |\n|---|---|---|---|---|---|---|\n";
    Ok(format!("{before}{}{head}{rows}{all}{}{after}", MARKS.0, MARKS.1))
}

/// The tables that are there, as paths below the crate's folder.
fn written(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = directory.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(of(&folder, &error)),
    };
    let names = entries.map(|entry| entry.map(|entry| Path::new(FOLDER).join(entry.file_name())));
    names.collect::<io::Result<Vec<_>>>().map_err(|error| of(&folder, &error))
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of(path, &error)),
    }
}

fn write(path: &Path, text: &str) -> Verdict {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text)).map_err(|error| of(path, &error))
}

fn of(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("`{}`: {error}", path.display()))
}

//! Servers of which a node states other tools than were synced: a release or a document that was not synced.

use std::{cmp::Ordering, collections::BTreeMap, fmt::Write as _};

use crate::{
    access::Loaded,
    journal::{Server, State, ToolState},
    vocabulary::{CatalogueVersion, ServerId, ToolId, ToolName},
};

/// How many tools are named.
const NAMED: usize = 3;

/// The servers whose loaded tools are neither those that were synced nor approved beside them, each with what to do.
pub(super) fn servers(state: &State, loaded: &Loaded) -> BTreeMap<ServerId, String> {
    let told = |(id, server): (&ServerId, &Server)| Some((id.clone(), told(state, loaded, id, server.catalogue()?)?));
    state.servers().iter().filter_map(told).collect()
}

fn told(state: &State, loaded: &Loaded, server: &ServerId, known: CatalogueVersion) -> Option<String> {
    let (version, tools) = loaded.catalogue(server)?;
    let mut differ: Vec<&ToolName> = Vec::new();
    let mut found = 0;
    for (name, digest) in tools {
        match state.tools().get(&ToolId::new(server.clone(), name.clone())) {
            Some(tool) if tool.state() != ToolState::Removed => {
                found += 1;
                if tool.digest() != digest && !tool.approvals().contains(&digest) {
                    differ.push(name);
                }
            }
            Some(_) | None => differ.push(name),
        }
    }
    differ.sort();
    let missing = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed).count() - found;
    if differ.is_empty() && missing == 0 {
        return None;
    }
    let mut text = String::new();
    if let Some(first) = differ.first() {
        let _ = write!(text, "{} of its tools are not as they were synced (`{first}`", differ.len());
        for name in differ.iter().take(NAMED).skip(1) {
            let _ = write!(text, ", `{name}`");
        }
        text.push_str(if differ.len() > NAMED { ", …): " } else { "): " });
    }
    if missing > 0 {
        let _ = write!(text, "{missing} that were synced are not offered here: ");
    }
    let _ = match version.cmp(&known) {
        _ if version == CatalogueVersion::UNSTATED => write!(text, "sync the server, and have what changed reviewed"),
        Ordering::Greater => write!(text, "sync the server, which takes in catalogue {version}"),
        Ordering::Equal => write!(
            text,
            "a catalogue that changes has a higher version; raise it above {known} (`x-govern.catalogue` of a document), and sync the \
             server"
        ),
        Ordering::Less => {
            write!(text, "this node has catalogue {version}, and {known} was synced: it is of an older release")
        }
    };
    Some(text)
}

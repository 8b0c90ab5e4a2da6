//! Interning the state: from maps by id to arrays by number.

use std::{collections::HashMap, sync::Arc};

use super::{
    id_set::{Bits, IdSet},
    loaded::{Loaded, LoadedTool},
    tool_index::{
        Fault, Names, ProfileRecord, Row, ServerRecord, ToolIndex, ToolRecord, ToolsetRecord, type_bit, type_place,
    },
};
use crate::{
    denial::DenialCode,
    journal::{KillScope, State, Tool, ToolState, Toolset},
    vocabulary::{
        ArgumentRule, ClientType, CredentialSharing, Follows, Grantee, ProfileVisibility, ToolDefinition, ToolId,
        ToolsetContent,
    },
};

pub(super) fn build(state: &State, loaded: &Loaded, stamp: u32) -> ToolIndex {
    let names = Arc::new(Names::of(state));
    let servers = servers(state, loaded);
    let mut tools = tools(state, loaded, &names);
    let by_id: HashMap<ToolId, u32> = tools.iter().map(|tool| tool.id.clone()).zip(0..).collect();
    resolve_uses(&mut tools, &by_id);
    let (toolsets, members) = toolsets(state, &tools, &by_id);
    set_toolsets(&mut tools, &members);
    let profiles = profiles(state, &members, tools.len());
    let rows = rows(&tools, &servers, &profiles, toolsets.len());
    let (open_profiles, askable) = visibility(&profiles);
    let bits = |test: &dyn Fn(&Row) -> bool| {
        let mut bits = Bits::new(rows.len());
        (0_u32..).zip(&rows).filter(|(_, row)| test(row)).for_each(|(tool, _)| bits.insert(tool));
        bits
    };
    let own_account =
        |row: &Row| servers.get(row.server as usize).is_some_and(|s| s.sharing == CredentialSharing::PerUser);
    let sound = bits(&|row| row.fault.is_none());
    let open_to = ClientType::ALL.map(|client_type| bits(&|row| row.client_types & type_bit(client_type) != 0));
    let conditional = bits(&|row| row.paused || own_account(row));
    ToolIndex {
        stamp,
        sound,
        open_to,
        conditional,
        names,
        rows: rows.into(),
        tools: tools.into(),
        by_id,
        servers: servers.into(),
        toolsets: toolsets.into(),
        profiles: profiles.into(),
        open_profiles,
        askable,
    }
}

fn servers(state: &State, loaded: &Loaded) -> Vec<ServerRecord> {
    let record = |(id, server): (&crate::ServerId, &crate::journal::Server)| ServerRecord {
        id: id.clone(),
        paused: server.paused,
        killed: state.kills.contains(&KillScope::Server(id.clone())),
        sharing: server.spec.sharing,
        // INVARIANT: what a node's provider is configured to leave out is left out for everybody
        // (`a_rule_that_follows_from_the_configuration_holds_like_one_of_the_row`).
        rules: server.spec.rules.iter().chain(loaded.rules(id)).cloned().collect(),
    };
    state.servers.iter().map(record).collect()
}

/// The tools in the order of their exposed names; `toolsets` and `uses` are still to come.
fn tools(state: &State, loaded: &Loaded, names: &Names) -> Vec<ToolRecord> {
    let mut tools: Vec<ToolRecord> = Vec::with_capacity(state.tools.len());
    for (id, tool) in &state.tools {
        let (Some(server), Some(index)) = (state.servers.get(id.server()), names.server(id.server())) else {
            continue;
        };
        let exposed = format!("{}_{}", server.spec.prefix, id.name());
        tools.push(tool_record(id, tool, exposed, index, loaded, state));
    }
    tools.sort_by(|a, b| (&a.exposed, &a.id).cmp(&(&b.exposed, &b.id)));
    tools
}

fn tool_record(id: &ToolId, tool: &Tool, exposed: String, server: u32, loaded: &Loaded, state: &State) -> ToolRecord {
    let here = loaded.tool(id);
    let LoadedTool { digest, definition, shown } =
        here.cloned().unwrap_or_else(|| LoadedTool::new(tool.digest, &tool.definition));
    // INVARIANT: what a node has loaded never counts as tamer than what was reviewed
    // (`a_loaded_definition_with_a_stronger_effect_leaves_a_maintained_toolset`).
    let effect = tool.effect.unwrap_or_else(|| definition.effect.max(tool.definition.effect));
    let risk = tool.risk.unwrap_or_else(|| definition.risk.max(tool.definition.risk));
    ToolRecord {
        id: id.clone(),
        exposed: exposed.into_boxed_str(),
        server,
        gone: gone(tool, &definition),
        definition,
        digest,
        shown,
        loaded: here.map(|here| here.digest),
        state: tool.state,
        approvals: tool.approvals.iter().copied().collect(),
        killed: state.kills.contains(&KillScope::Tool(id.clone())),
        effect,
        risk,
        synced_area: tool.definition.area.as_deref().map(Into::into),
        client_types: tool.client_types.clone(),
        toolsets: Box::default(),
        uses: Box::default(),
        missing: None,
    }
}

fn gone(tool: &Tool, definition: &ToolDefinition) -> Box<[Box<str>]> {
    let properties = definition.input_schema.get("properties").and_then(serde_json::Value::as_object);
    let has = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
    tool.arguments_seen.iter().filter(|name| !has(name)).map(|name| name.as_str().into()).collect()
}

fn resolve_uses(tools: &mut [ToolRecord], by_id: &HashMap<ToolId, u32>) {
    let mut resolved = Vec::new();
    for (at, tool) in (0_u32..).zip(tools.iter()).filter(|(_, tool)| !tool.definition.uses().is_empty()) {
        let (mut closure, mut missing) = (Vec::new(), None);
        let mut open = vec![tool];
        while let Some(user) = open.pop() {
            for name in user.definition.uses() {
                let used = by_id.get(&ToolId::new(user.id.server().clone(), name.clone())).copied();
                match used.and_then(|used| tools.get(used as usize).map(|record| (used, record))) {
                    Some((used, record)) if used != at && !closure.contains(&used) => {
                        closure.push(used);
                        open.push(record);
                    }
                    Some(_) => {}
                    None => missing = Some(name.as_str().into()),
                }
            }
        }
        closure.sort_unstable();
        resolved.push((at, closure, missing));
    }
    for (at, closure, missing) in resolved {
        if let Some(tool) = tools.get_mut(at as usize) {
            tool.uses = closure.into();
            tool.missing = missing;
        }
    }
}

fn toolsets(
    state: &State,
    tools: &[ToolRecord],
    by_id: &HashMap<ToolId, u32>,
) -> (Vec<ToolsetRecord>, HashMap<crate::ToolsetId, (u32, Bits)>) {
    let mut records = Vec::with_capacity(state.toolsets.len());
    let mut members = HashMap::with_capacity(state.toolsets.len());
    for ((id, toolset), index) in state.toolsets.iter().zip(0_u32..) {
        let mut bits = Bits::new(tools.len());
        member_tools(toolset, tools, by_id).for_each(|tool| bits.insert(tool));
        members.insert(id.clone(), (index, bits));
        records.push(ToolsetRecord { id: id.clone(), rules: entry_rules(toolset, by_id) });
    }
    (records, members)
}

fn member_tools<'a>(
    toolset: &'a Toolset,
    tools: &'a [ToolRecord],
    by_id: &'a HashMap<ToolId, u32>,
) -> Box<dyn Iterator<Item = u32> + 'a> {
    match &toolset.content {
        ToolsetContent::Chosen(entries) => Box::new(entries.keys().filter_map(|tool| by_id.get(tool).copied())),
        ToolsetContent::Maintained(follows) => {
            let numbered = (0_u32..).zip(tools);
            Box::new(numbered.filter(move |(_, tool)| is_followed(follows, tool)).map(|(index, _)| index))
        }
    }
}

/// Whether an approved tool belongs into a maintained toolset: by what this node has loaded and by what was synced.
fn is_followed(follows: &Follows, tool: &ToolRecord) -> bool {
    let areas = [tool.definition.area.as_deref(), tool.synced_area.as_deref()];
    tool.state == ToolState::Approved && follows.takes(&tool.id, tool.effect, tool.risk, &areas)
}

fn entry_rules(toolset: &Toolset, by_id: &HashMap<ToolId, u32>) -> HashMap<u32, Arc<[ArgumentRule]>> {
    let ToolsetContent::Chosen(entries) = &toolset.content else {
        return HashMap::new();
    };
    let with_rules = entries.iter().filter(|(_, entry)| !entry.rules.is_empty());
    with_rules.filter_map(|(tool, entry)| Some((*by_id.get(tool)?, Arc::from(entry.rules.as_slice())))).collect()
}

fn set_toolsets(tools: &mut [ToolRecord], members: &HashMap<crate::ToolsetId, (u32, Bits)>) {
    let mut toolsets: Vec<Vec<u32>> = tools.iter().map(|_| Vec::new()).collect();
    for (index, bits) in members.values() {
        for tool in bits.iter() {
            if let Some(list) = toolsets.get_mut(tool as usize) {
                list.push(*index);
            }
        }
    }
    for (tool, mut list) in tools.iter_mut().zip(toolsets) {
        list.sort_unstable();
        tool.toolsets = list.into();
    }
}

fn profiles(state: &State, members: &HashMap<crate::ToolsetId, (u32, Bits)>, tools: usize) -> Vec<ProfileRecord> {
    let mut union = Bits::new(tools);
    let mut records = Vec::with_capacity(state.profiles.len());
    for (id, profile) in &state.profiles {
        union.clear();
        let mut bindings = Vec::with_capacity(profile.bindings.len());
        for (toolset, binding) in &profile.bindings {
            let Some((index, bits)) = members.get(toolset) else {
                continue;
            };
            union.add(bits);
            bindings.push((*index, Arc::from(binding.rules.as_slice())));
        }
        bindings.sort_by_key(|(toolset, _)| *toolset);
        records.push(ProfileRecord {
            id: id.clone(),
            bindings: bindings.into(),
            tools: IdSet::of(&union),
            visibility: profile.spec.visibility.clone(),
        });
    }
    records
}

fn rows(tools: &[ToolRecord], servers: &[ServerRecord], profiles: &[ProfileRecord], toolsets: usize) -> Vec<Row> {
    let mut bound_by: Vec<Vec<u32>> = vec![Vec::new(); toolsets];
    for (index, profile) in (0_u32..).zip(profiles) {
        for (toolset, _) in &profile.bindings {
            if let Some(list) = bound_by.get_mut(*toolset as usize) {
                list.push(index);
            }
        }
    }
    let mut union = Bits::new(profiles.len());
    let row = |(index, tool): (u32, &ToolRecord)| {
        union.clear();
        let bound = tool.toolsets.iter().filter_map(|toolset| bound_by.get(*toolset as usize));
        bound.flatten().for_each(|profile| union.insert(*profile));
        let server = servers.get(tool.server as usize);
        Row {
            paused: server.is_none_or(|server| server.paused),
            fault: fault(index, tool, server.is_none_or(|server| server.killed), tools),
            client_types: client_types(tool),
            server: tool.server,
            profiles: IdSet::of(&union),
        }
    };
    (0_u32..).zip(tools).map(row).collect()
}

/// The first check that fails for all callers: server's kill switch, tool's kill switch, approval under the loaded digest. A
/// tool that uses others falls with any of them.
fn fault(index: u32, tool: &ToolRecord, server_killed: bool, tools: &[ToolRecord]) -> Option<Fault> {
    let used = || tool.uses.iter().filter_map(|used| tools.get(*used as usize).map(|record| (*used, record)));
    let all = || [(index, tool)].into_iter().chain(used());
    if server_killed {
        return Some(Fault { code: DenialCode::ServerKilled, blamed: index });
    }
    if let Some((blamed, _)) = all().find(|(_, record)| record.killed) {
        return Some(Fault { code: DenialCode::ToolKilled, blamed });
    }
    let own = all().find_map(|(blamed, record)| Some(Fault { code: denied_for(record)?, blamed }));
    let missing = || tool.missing.as_ref().map(|_| Fault { code: DenialCode::ToolRemoved, blamed: index });
    own.or_else(missing)
}

/// Why a tool on its own cannot be called: its state, or a loaded definition that was not approved.
pub(super) fn denied_for(tool: &ToolRecord) -> Option<DenialCode> {
    match tool.state {
        ToolState::PendingReview => Some(DenialCode::ToolPending),
        ToolState::Disabled => Some(DenialCode::ToolDisabled),
        ToolState::Removed => Some(DenialCode::ToolRemoved),
        ToolState::Approved => {
            let approved = tool.loaded.is_some_and(|digest| tool.approvals.contains(&digest));
            (!approved).then_some(DenialCode::DefinitionNotApproved)
        }
    }
}

fn client_types(tool: &ToolRecord) -> u8 {
    let all = || ClientType::ALL.into_iter();
    let admits = |client_type: &ClientType| tool.client_types.as_ref().is_none_or(|types| types.contains(client_type));
    all().filter(admits).fold(0, |mask, client_type| mask | 1 << type_place(client_type))
}

fn visibility(profiles: &[ProfileRecord]) -> (Box<[u32]>, HashMap<Grantee, Vec<u32>>) {
    let mut open = Vec::new();
    let mut askable: HashMap<Grantee, Vec<u32>> = HashMap::new();
    for (index, profile) in (0_u32..).zip(profiles) {
        match &profile.visibility {
            ProfileVisibility::Nobody => {}
            ProfileVisibility::Everyone => open.push(index),
            ProfileVisibility::Only(grantees) => {
                for grantee in grantees {
                    askable.entry(grantee.clone()).or_default().push(index);
                }
            }
        }
    }
    (open.into(), askable)
}

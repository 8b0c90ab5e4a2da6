//! Servers, tools, toolsets and profiles, with their ids interned: everything that does not name a person.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{
    id_set::{Bits, IdSet},
    loaded::{Loaded, Shown},
    tool_index_build,
};
use crate::{
    denial::DenialCode,
    journal::{State, ToolState},
    vocabulary::{
        ArgumentRule, ClientType, CredentialSharing, Digest, Effect, Grantee, ProfileId, ProfileVisibility, Risk,
        ServerId, ToolDefinition, ToolId, ToolsetId,
    },
};

/// Everything that does not name a person. Tools are numbered in the order of their exposed names; servers, toolsets and
/// profiles in the order of their ids.
#[derive(Debug)]
pub(super) struct ToolIndex {
    /// Tells one tool index from another, so that a tool number is never used on an index that it does not belong to.
    pub(super) stamp: u32,
    pub(super) names: Arc<Names>,
    /// What admission reads, by tool.
    pub(super) rows: Box<[Row]>,
    /// What everything else reads, by tool.
    pub(super) tools: Box<[ToolRecord]>,
    pub(super) by_id: HashMap<ToolId, u32>,
    pub(super) servers: Box<[ServerRecord]>,
    pub(super) toolsets: Box<[ToolsetRecord]>,
    pub(super) profiles: Box<[ProfileRecord]>,
    /// Profiles that every person may ask for.
    pub(super) open_profiles: Box<[u32]>,
    /// Profiles that some may ask for.
    pub(super) askable: HashMap<Grantee, Vec<u32>>,
    /// Tools without a fault.
    pub(super) sound: Bits,
    /// Tools that a client type may call, in the order of [`ClientType::ALL`].
    pub(super) open_to: [Bits; 4],
    /// Tools that need a closer look when they are listed: the server is paused or wants the person's own account.
    pub(super) conditional: Bits,
}

/// The interned ids of servers and profiles.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    servers: Vec<ServerId>,
    server_index: HashMap<ServerId, u32>,
    profile_index: HashMap<ProfileId, u32>,
}

impl Names {
    pub(super) fn of(state: &State) -> Self {
        Self {
            servers: state.servers.keys().cloned().collect(),
            server_index: state.servers.keys().cloned().zip(0..).collect(),
            profile_index: state.profiles.keys().cloned().zip(0..).collect(),
        }
    }

    pub(super) fn server(&self, server: &ServerId) -> Option<u32> {
        self.server_index.get(server).copied()
    }

    pub(super) fn server_at(&self, server: u32) -> Option<&ServerId> {
        self.servers.get(server as usize)
    }

    pub(super) fn profile(&self, profile: &ProfileId) -> Option<u32> {
        self.profile_index.get(profile).copied()
    }
}

/// What admission reads of a tool, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Row {
    /// Whether its server is paused; checked before `fault`.
    pub(super) paused: bool,
    /// The first check that fails for all callers, from the server's kill switch to the approval.
    pub(super) fault: Option<Fault>,
    /// The client types that may call it, see [`type_bit`].
    pub(super) client_types: u8,
    pub(super) server: u32,
    /// The profiles through which it can be reached.
    pub(super) profiles: IdSet,
}

impl Row {
    /// The first check on the tool that fails for all callers.
    pub(super) fn verdict(&self, tool: u32) -> Option<Fault> {
        if self.paused { Some(Fault { code: DenialCode::ServerPaused, blamed: tool }) } else { self.fault }
    }
}

/// Why a tool cannot be called by anybody, and the tool that is to blame: itself, or one that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: DenialCode,
    pub(super) blamed: u32,
}

/// A tool as this node knows it.
#[derive(Debug)]
pub(super) struct ToolRecord {
    pub(super) id: ToolId,
    pub(super) exposed: Box<str>,
    pub(super) server: u32,
    /// The loaded definition; the one that sync saw last where none is loaded.
    pub(super) definition: Arc<ToolDefinition>,
    /// The digest of `definition`.
    pub(super) digest: Digest,
    /// The schema of its arguments without our own keywords.
    pub(super) shown: Shown,
    /// Whether this node has loaded the definition.
    pub(super) loaded: Option<Digest>,
    pub(super) state: ToolState,
    pub(super) approvals: Box<[Digest]>,
    pub(super) killed: bool,
    pub(super) effect: Effect,
    pub(super) risk: Risk,
    /// The area of the definition that sync saw last.
    pub(super) synced_area: Option<Box<str>>,
    pub(super) client_types: Option<BTreeSet<ClientType>>,
    /// Arguments that it once had and that the definition no longer has.
    pub(super) gone: Box<[Box<str>]>,
    /// The toolsets that hold it, in order.
    pub(super) toolsets: Box<[u32]>,
    /// The tools that it uses, those that they use included.
    pub(super) uses: Box<[u32]>,
    /// The name of a used tool that does not exist.
    pub(super) missing: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct ServerRecord {
    pub(super) id: ServerId,
    pub(super) paused: bool,
    pub(super) killed: bool,
    pub(super) sharing: CredentialSharing,
    pub(super) rules: Arc<[ArgumentRule]>,
}

#[derive(Debug)]
pub(super) struct ToolsetRecord {
    pub(super) id: ToolsetId,
    /// The rules of entries that have any.
    pub(super) rules: HashMap<u32, Arc<[ArgumentRule]>>,
}

#[derive(Debug)]
pub(super) struct ProfileRecord {
    pub(super) id: ProfileId,
    /// The bound toolsets with the bindings' rules, in order.
    pub(super) bindings: Box<[(u32, Arc<[ArgumentRule]>)]>,
    /// Every tool of the bound toolsets.
    pub(super) tools: IdSet,
    pub(super) visibility: ProfileVisibility,
}

impl ProfileRecord {
    /// The rules of a toolset's binding.
    pub(super) fn binding(&self, toolset: u32) -> Option<&Arc<[ArgumentRule]>> {
        let at = self.bindings.binary_search_by_key(&toolset, |(bound, _)| *bound).ok()?;
        self.bindings.get(at).map(|(_, rules)| rules)
    }
}

impl ToolIndex {
    /// Interns what the state and this node's providers say.
    pub(super) fn build(state: &State, loaded: &Loaded) -> Self {
        tool_index_build::build(state, loaded, fresh_stamp())
    }

    /// The tool of an exposed name; none where two tools would answer to it.
    pub(super) fn named(&self, exposed: &str) -> Option<u32> {
        let at = self.tools.partition_point(|tool| *tool.exposed < *exposed);
        let is = |at: usize| self.tools.get(at).is_some_and(|tool| *tool.exposed == *exposed);
        if is(at) && !is(at + 1) { u32::try_from(at).ok() } else { None }
    }

    /// How many tools have exposed names that do not come after this one.
    pub(super) fn place_after(&self, exposed: &str) -> u32 {
        let at = self.tools.partition_point(|tool| *tool.exposed <= *exposed);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    pub(super) fn row(&self, tool: u32) -> Option<&Row> {
        self.rows.get(tool as usize)
    }

    pub(super) fn tool(&self, tool: u32) -> Option<&ToolRecord> {
        self.tools.get(tool as usize)
    }

    pub(super) fn server(&self, server: u32) -> Option<&ServerRecord> {
        self.servers.get(server as usize)
    }

    pub(super) fn profile(&self, profile: u32) -> Option<&ProfileRecord> {
        self.profiles.get(profile as usize)
    }
}

/// The bit of a client type.
pub(super) fn type_bit(client_type: ClientType) -> u8 {
    1 << type_place(client_type)
}

/// The place of a client type in [`ClientType::ALL`].
pub(super) fn type_place(client_type: ClientType) -> usize {
    match client_type {
        ClientType::Personal => 0,
        ClientType::Shared => 1,
        ClientType::Service => 2,
        ClientType::Ephemeral => 3,
    }
}

fn fresh_stamp() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::fixture,
        vocabulary::{ServerSpec, Timestamp},
    };

    #[test]
    fn each_tool_has_a_row() {
        let mut state = State::new();
        for id in ["beta", "alpha"] {
            let spec = ServerSpec::new(
                "fake".try_into().unwrap(),
                "A server",
                id.try_into().unwrap(),
                "key".try_into().unwrap(),
            );
            let server =
                crate::journal::Server { spec, paused: false, catalogue: None, registered_at: Timestamp::default() };
            state.servers.insert(fixture::server(id), server);
        }
        // The last one belongs to a server that is not there, and is left out.
        for (server, name) in [("beta", "b"), ("alpha", "z"), ("alpha", "a"), ("gone", "c")] {
            state.tools.insert(fixture::tool(server, name), fixture::pending(name));
        }
        let tool_index = ToolIndex::build(&state, &Loaded::new());
        let names: Vec<&str> = tool_index.tools.iter().map(|tool| &*tool.exposed).collect();
        assert_eq!(names, ["alpha_a", "alpha_z", "beta_b"]);
        assert_eq!(tool_index.rows.len(), tool_index.tools.len());
        for (row, tool) in tool_index.rows.iter().zip(&tool_index.tools) {
            assert_eq!(row.server, tool.server);
            assert_eq!(row.fault.map(|fault| fault.code), Some(DenialCode::ToolPending));
        }
    }

    #[test]
    fn admission_reads_one_cache_line_of_a_tool() {
        assert_eq!(size_of::<Row>(), 64);
    }
}

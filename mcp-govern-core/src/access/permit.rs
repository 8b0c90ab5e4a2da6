//! The proof that a call was admitted, and the ways to the tool that it was admitted by.

use std::sync::Arc;

use super::{caller::Caller, snapshot::Snapshot, tool_index::ToolRecord, tool_view::ToolNumber};
use crate::{
    journal::Revision,
    schema::{CallRules, Schemas},
    vocabulary::{
        ArgumentRule, CredentialSharing, Digest, GrantId, ProfileId, ServerId, Timestamp, ToolDefinition, ToolId,
        ToolsetId,
    },
};

/// The proof that a call was admitted. Only [`admit`](super::admit) makes one.
#[derive(Debug)]
pub struct Permit {
    caller: Caller,
    tool: ToolNumber,
    now: Timestamp,
}

/// One way from the caller to the tool: a grant of a profile that binds a toolset with the tool.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    grant: &'a GrantId,
    profile: &'a ProfileId,
    toolset: &'a ToolsetId,
    until: Option<Timestamp>,
    binding_rules: &'a Arc<[ArgumentRule]>,
    entry_rules: Option<&'a Arc<[ArgumentRule]>>,
}

impl Permit {
    pub(super) fn new(caller: &Caller, tool: ToolNumber, now: Timestamp) -> Self {
        Self { caller: caller.clone(), tool, now }
    }

    /// The tool.
    pub fn tool(&self) -> &ToolId {
        &self.record().id
    }

    /// The name that AI clients see: `<prefix>_<tool>`.
    pub fn exposed_name(&self) -> &str {
        &self.record().exposed
    }

    /// The tool's server.
    pub fn server(&self) -> &ServerId {
        self.record().id.server()
    }

    /// Whose credential the call uses.
    pub fn sharing(&self) -> CredentialSharing {
        // A server that were missing would have denied the call; the stricter answer costs nothing.
        self.snapshot()
            .tool_index
            .server(self.record().server)
            .map_or(CredentialSharing::PerUser, |server| server.sharing)
    }

    /// The definition under which the call was admitted: approved, and loaded on this node.
    pub fn definition(&self) -> &Arc<ToolDefinition> {
        &self.record().definition
    }

    /// The digest of that definition.
    pub fn digest(&self) -> Digest {
        self.record().digest
    }

    /// Who was admitted.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The moment of admission.
    pub fn at(&self) -> Timestamp {
        self.now
    }

    /// The revision of the rules.
    pub fn revision(&self) -> Revision {
        self.snapshot().head.revision
    }

    /// The snapshot that admitted the call.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.caller.inner.snapshot
    }

    /// The ways to the tool through grants that hold, ordered by profile, toolset and grant id. At least one.
    pub fn paths(&self) -> impl Iterator<Item = Path<'_>> {
        self.snapshot().paths(&self.caller, self.tool.index, self.now)
    }

    /// The rules that hold for every tool of the server.
    pub fn server_rules(&self) -> &[ArgumentRule] {
        self.snapshot().tool_index.server(self.record().server).map_or(&[], |server| &server.rules)
    }

    /// The rules that stand on a call along a path.
    pub(crate) fn rules_along(&self, path: &Path<'_>) -> CallRules {
        let server = self.snapshot().tool_index.server(self.record().server).map(|server| &server.rules);
        CallRules::of(server, path.binding_rules, path.entry_rules)
    }

    /// Whether the tool once had an argument that its definition no longer has.
    pub fn once_had(&self, argument: &str) -> bool {
        self.record().gone.iter().any(|gone| **gone == *argument)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: a permit is made after its row was read on this very tool_index, which never changes \
                  (`a_permit_outlives_its_snapshot`); rows and tools are as many (`each_tool_has_a_row`)"
    )]
    fn record(&self) -> &ToolRecord {
        &self.snapshot().tool_index.tools[self.tool.index as usize]
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        &self.snapshot().schemas
    }
}

impl<'a> Path<'a> {
    /// The grant.
    pub fn grant(&self) -> &'a GrantId {
        self.grant
    }

    /// The profile that was granted.
    pub fn profile(&self) -> &'a ProfileId {
        self.profile
    }

    /// The toolset that holds the tool.
    pub fn toolset(&self) -> &'a ToolsetId {
        self.toolset
    }

    /// When the grant ends.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The rules of the profile's binding.
    pub fn binding_rules(&self) -> &'a [ArgumentRule] {
        self.binding_rules
    }

    /// The rules of the tool's entry in the toolset.
    pub fn entry_rules(&self) -> &'a [ArgumentRule] {
        self.entry_rules.map_or(&[], |rules| rules)
    }

    /// The rules of the binding, then those of the entry.
    pub fn rules(&self) -> impl Iterator<Item = &'a ArgumentRule> + use<'a> {
        self.binding_rules.iter().chain(self.entry_rules())
    }
}

impl Snapshot {
    /// The caller's ways to a tool through grants that hold at `now`, ordered by profile, toolset and grant id.
    pub(super) fn paths<'a>(
        &'a self,
        caller: &'a Caller,
        tool: u32,
        now: Timestamp,
    ) -> impl Iterator<Item = Path<'a>> + use<'a> {
        let index = &*self.tool_index;
        let holding = index.tool(tool).map_or(&[][..], |tool| &tool.toolsets);
        let of_profiles = caller.inner.grants.chunk_by(|one, next| one.profile == next.profile);
        let bound = of_profiles.flat_map(move |grants| {
            let profile = grants.first().and_then(|held| index.profile(held.profile));
            holding.iter().filter_map(move |toolset| {
                Some((profile?, profile?.binding(*toolset)?, index.toolsets.get(*toolset as usize)?, grants))
            })
        });
        bound.flat_map(move |(profile, binding_rules, toolset, grants)| {
            let entry_rules = toolset.rules.get(&tool);
            grants.iter().filter(move |held| held.until.holds(now)).map(move |held| Path {
                grant: &held.grant,
                profile: &profile.id,
                toolset: &toolset.id,
                until: held.until.timestamp(),
                binding_rules,
                entry_rules,
            })
        })
    }
}

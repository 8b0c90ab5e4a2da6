//! Who may do what: the table of roles and actions.

use Right::{Always as A, Never as N, Own as O};

use crate::vocabulary::Role;

/// What a role may do with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Not at all.
    Never,
    /// Only where it is one's own: the role `server_owner` the servers that name the person as owner, with their tools and
    /// shared credentials; the role `user` one's own grants, requests, personal client and credentials, the profiles that
    /// one is shown, and the requests that name one as approver.
    Own,
    /// Everywhere, within what [`RESTRICTIONS`] keep from everybody.
    Always,
}

/// What no role may, whatever the table says. In words, for people; each is enforced when the command is decided.
///
/// - Nobody grants a profile to oneself or to a group that one belongs to: not even an owner.
/// - Nobody comes to hold a profile, or to be able to obtain one, by one's own commits alone: by setting a policy that lets one's own
///   request through, or by making a service of the client that a profile is granted to.
/// - Nobody approves a request by office: only the approvers that its policy names do, each once, and the person who asks only
///   where the policy allows self-approval. Whoever may hand a profile out grants it.
/// - Nobody decides one's own request by denying it: it is cancelled.
/// - Nobody but the person sets a person's own credential.
/// - Nobody but an owner or governance admin changes who owns a server.
/// - Nobody off-boards oneself.
pub const RESTRICTIONS: [&str; 7] = [
    "nobody grants a profile to oneself or to a group that one belongs to",
    "nobody comes to hold a profile, or to be able to obtain one, by one's own commits alone",
    "nobody approves a request by office",
    "nobody denies one's own request",
    "nobody but the person sets a person's own credential",
    "nobody but an owner or governance admin changes who owns a server",
    "nobody off-boards oneself",
];

/// The rights of the six roles, in the order of [`Role::ALL`]: owner, governance admin, server owner, profile admin, auditor,
/// user. A person may what one of the roles may, and everybody has the role `user`.
const TABLE: &[(&str, [Right; 6])] = &[
    ("activate_governance", [A, N, N, N, N, N]),
    ("activate_schema", [A, N, N, N, N, N]),
    ("change_settings", [A, A, N, N, N, N]),
    ("register_server", [A, A, N, N, N, N]),
    ("change_server", [A, A, O, N, N, N]),
    ("pause_server", [A, A, O, N, N, N]),
    ("resume_server", [A, A, O, N, N, N]),
    ("remove_server", [A, A, N, N, N, N]),
    ("sync_server", [A, A, O, N, N, N]),
    ("stage_catalogue", [A, A, O, N, N, N]),
    ("approve_tools", [A, A, O, N, N, N]),
    ("pin_tools", [A, A, O, N, N, N]),
    ("unpin_tools", [A, A, O, N, N, N]),
    ("disable_tools", [A, A, O, N, N, N]),
    ("reset_tools", [A, A, O, N, N, N]),
    ("classify_tool", [A, A, O, N, N, N]),
    ("set_tool_client_types", [A, A, O, N, N, N]),
    ("create_toolset", [A, A, N, N, N, N]),
    ("label_toolset", [A, A, N, N, N, N]),
    ("set_toolset_tools", [A, A, N, N, N, N]),
    ("remove_toolset_tools", [A, A, N, N, N, N]),
    ("delete_toolset", [A, A, N, N, N, N]),
    ("create_profile", [A, N, N, A, N, N]),
    ("change_profile", [A, N, N, A, N, N]),
    ("delete_profile", [A, N, N, A, N, N]),
    ("bind_toolset", [A, A, N, N, N, N]),
    ("unbind_toolset", [A, A, N, N, N, N]),
    ("grant_profile", [A, N, N, A, N, N]),
    ("revoke_grant", [A, N, N, A, N, O]),
    ("request_access", [N, N, N, N, N, O]),
    ("approve_request", [N, N, N, N, N, O]),
    ("deny_request", [A, N, N, A, N, O]),
    ("cancel_request", [A, N, N, A, N, O]),
    ("set_client", [A, A, N, N, N, N]),
    ("close_client", [A, A, N, N, N, O]),
    ("reopen_client", [A, A, N, N, N, N]),
    ("kill", [A, A, O, N, N, N]),
    ("release", [A, A, O, N, N, N]),
    ("set_credential", [A, A, O, N, N, O]),
    ("remove_credential", [A, A, O, N, N, O]),
    ("note_refused_credential", [A, A, N, N, N, N]),
    ("anchor_audit", [A, A, N, N, N, N]),
    ("accept_rollback", [A, A, N, N, N, N]),
    ("drop_audit_segment", [A, A, N, N, N, N]),
    ("offboard_user", [A, A, N, A, N, N]),
];

/// What a role may do with the action of this name ([`Action::name`](super::Action::name)); never, for a name that does not
/// exist.
///
/// ```
/// use mcp_govern_core::{Role, journal::{Right, may}};
///
/// assert_eq!(may(Role::ServerOwner, "approve_tools"), Right::Own);
/// assert_eq!(may(Role::Auditor, "approve_tools"), Right::Never);
/// ```
pub fn may(role: Role, action: &str) -> Right {
    let row = TABLE.iter().find(|(name, _)| *name == action);
    let cells = row.into_iter().flat_map(|(_, cells)| Role::ALL.iter().zip(cells));
    cells.into_iter().find(|(of, _)| **of == role).map_or(Right::Never, |(_, right)| *right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Action;

    #[test]
    fn every_action_has_exactly_one_row() {
        let rows: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        assert_eq!(rows, Action::NAMES);
    }

    #[test]
    fn an_action_that_does_not_exist_is_nobodys() {
        for role in Role::ALL {
            assert_eq!(may(role, "approve_everything"), Right::Never);
        }
    }

    #[test]
    fn an_auditor_changes_nothing() {
        assert!(Action::NAMES.iter().all(|name| may(Role::Auditor, name) == Right::Never));
    }
}

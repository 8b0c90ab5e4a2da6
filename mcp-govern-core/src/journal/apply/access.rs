//! What commits do to toolsets, profiles, grants, requests, clients, kill switches and credentials.

use std::collections::BTreeMap;

use crate::{
    journal::{
        AccessProfile, AccessRequest, Client, Commit, Event, Grant, RequestStatus, State, StoredCredential, Toolset,
        approval::request::RequestEvent,
        event::{AccessRequested, ClientSet, ProfileGranted},
    },
    vocabulary::{ClientId, CredentialOwner, Grantee, Label, ProfileId, RequestId, ToolsetContent, ToolsetId, UserId},
};

impl State {
    pub(super) fn apply_access(&mut self, event: &Event, commit: &Commit) {
        match event {
            Event::ToolsetCreated(event) => {
                let toolset = Toolset { label: event.label.clone(), content: event.content.clone() };
                self.toolsets.insert(event.toolset.clone(), toolset);
            }
            Event::ToolsetLabelled(event) => {
                if let Some(toolset) = self.toolsets.get_mut(&event.toolset) {
                    toolset.label = event.label.clone();
                }
            }
            Event::ToolsetToolsSet(event) => {
                if let Some(ToolsetContent::Chosen(tools)) = self.content_mut(&event.toolset) {
                    tools.extend(event.tools.iter().map(|(tool, entry)| (tool.clone(), entry.clone())));
                }
            }
            Event::ToolsetToolsRemoved(event) => {
                if let Some(ToolsetContent::Chosen(tools)) = self.content_mut(&event.toolset) {
                    tools.retain(|tool, _| !event.tools.contains(tool));
                }
            }
            Event::ToolsetDeleted(event) => {
                self.toolsets.remove(&event.toolset);
                for profile in self.profiles.values_mut() {
                    profile.bindings.remove(&event.toolset);
                }
            }
            Event::ProfileCreated(event) => {
                let (spec, policy_by) = (event.spec.clone(), commit.actor.user.clone());
                let profile = AccessProfile { spec, bindings: BTreeMap::new(), policy_by };
                self.profiles.insert(event.profile.clone(), profile);
            }
            Event::ProfileChanged(event) => {
                if let Some(profile) = self.profiles.get_mut(&event.profile) {
                    let (old, new) = (&profile.spec, &event.spec);
                    if (&old.visibility, &old.policy) != (&new.visibility, &new.policy) {
                        profile.policy_by = commit.actor.user.clone();
                    }
                    profile.spec = event.spec.clone();
                }
            }
            Event::ProfileDeleted(event) => self.profile_deleted(&event.profile),
            Event::ToolsetBound(event) => {
                if let Some(profile) = self.profiles.get_mut(&event.profile) {
                    profile.bindings.insert(event.binding.toolset.clone(), event.binding.clone());
                }
            }
            Event::ToolsetUnbound(event) => {
                if let Some(profile) = self.profiles.get_mut(&event.profile) {
                    profile.bindings.remove(&event.toolset);
                }
            }
            Event::ProfileGranted(event) => self.profile_granted(event, commit),
            Event::GrantRevoked(event) => {
                self.grants.remove(&event.grant);
            }
            Event::AccessRequested(event) => self.access_requested(event, commit),
            Event::RequestApproved(event) => {
                if let Some(request) = self.requests.get_mut(&event.request) {
                    request.approvals.push((event.step, commit.actor.user.clone()));
                }
            }
            Event::RequestDenied(event) => self.request_decided(&event.request, RequestEvent::Deny),
            Event::RequestCancelled(event) => self.request_decided(&event.request, RequestEvent::Cancel),
            Event::ClientSet(event) => self.client_set(event, commit),
            Event::ClientClosed(event) => self.client_mut(&event.client).closed = true,
            Event::ClientReopened(event) => {
                if let Some(client) = self.clients.get_mut(&event.client) {
                    client.closed = false;
                }
            }
            Event::KillSwitchThrown(event) => {
                self.kills.insert(event.scope.clone());
            }
            Event::KillSwitchReleased(event) => {
                self.kills.remove(&event.scope);
            }
            Event::CredentialSet(event) => {
                let credential = StoredCredential::new(event.version, event.facts.clone(), commit.at);
                self.credentials.insert((event.server.clone(), event.owner.clone()), credential);
            }
            Event::CredentialRemoved(event) => {
                self.credentials.remove(&(event.server.clone(), event.owner.clone()));
            }
            Event::CredentialRefused(event) => {
                let key = (event.server.clone(), CredentialOwner::User(event.user.clone()));
                if let Some(credential) = self.credentials.get_mut(&key) {
                    credential.refused = Some(event.version);
                }
            }
            Event::UserOffboarded(event) => self.user_offboarded(&event.user),
            // Everything else is applied by the caller, whose match names every event.
            _ => {}
        }
    }

    fn content_mut(&mut self, toolset: &ToolsetId) -> Option<&mut ToolsetContent> {
        self.toolsets.get_mut(toolset).map(|toolset| &mut toolset.content)
    }

    fn profile_deleted(&mut self, profile: &ProfileId) {
        self.profiles.remove(profile);
        self.grants.retain(|_, grant| grant.profile != *profile);
        for request in self.requests.values_mut().filter(|request| request.profile == *profile) {
            request.take(RequestEvent::Cancel);
        }
    }

    fn profile_granted(&mut self, event: &ProfileGranted, commit: &Commit) {
        if let Some(request) = &event.request {
            self.request_decided(request, RequestEvent::ApproveLast);
        }
        let grant = Grant {
            profile: event.profile.clone(),
            grantee: event.grantee.clone(),
            until: event.until,
            by: commit.actor.user.clone(),
            at: commit.at,
            request: event.request.clone(),
        };
        self.grants.insert(event.grant.clone(), grant);
    }

    fn access_requested(&mut self, event: &AccessRequested, commit: &Commit) {
        let profile = self.profiles.get(&event.profile);
        let request = AccessRequest {
            policy_by: profile.map_or(&commit.actor.user, |profile| &profile.policy_by).clone(),
            profile: event.profile.clone(),
            user: event.user.clone(),
            justification: event.justification.clone(),
            seconds: event.seconds,
            policy: event.policy.clone(),
            at: commit.at,
            expires: event.expires,
            approvals: Vec::new(),
            decided: RequestStatus::Pending,
        };
        self.requests.insert(event.request.clone(), request);
    }

    fn request_decided(&mut self, request: &RequestId, event: RequestEvent) {
        if let Some(request) = self.requests.get_mut(request) {
            request.take(event);
        }
    }

    fn client_set(&mut self, event: &ClientSet, commit: &Commit) {
        let client = self.client_mut(&event.client);
        if client.client_type != event.client_type {
            client.typed_by = Some(commit.actor.user.clone());
        }
        client.label = event.label.clone();
        client.client_type = event.client_type;
        client.owner.clone_from(&event.owner);
    }

    /// A client that only the tenant's rules knew until now is written down under its own name.
    fn client_mut(&mut self, client: &ClientId) -> &mut Client {
        self.clients.entry(client.clone()).or_insert_with(|| Client {
            label: Label::new(client.name.as_str()),
            client_type: None,
            typed_by: None,
            owner: None,
            closed: false,
        })
    }

    fn user_offboarded(&mut self, user: &UserId) {
        let holder = Grantee::User(user.clone());
        self.grants.retain(|_, grant| grant.grantee != holder);
        for request in self.requests.values_mut().filter(|request| request.user == *user) {
            request.take(RequestEvent::Cancel);
        }
        let owner = CredentialOwner::User(user.clone());
        self.credentials.retain(|(_, of), _| *of != owner);
        for client in self.clients.values_mut().filter(|client| client.owner.as_ref() == Some(user)) {
            client.closed = true;
        }
    }
}

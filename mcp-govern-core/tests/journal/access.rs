use mcp_govern_core::{
    ClientId, ClientType, CredentialFacts, CredentialOwner, CredentialSharing, Grantee, Label, RequestPolicy,
    journal::{Action, RequestStatus},
};

use crate::support::*;

/// Ann has one of everything, and so has Bob.
fn world() -> World {
    let mut world = World::new();
    world.with_status();
    world.with_profile(RequestPolicy::approved_by([person("lea")]));
    let own = spec("own").with_sharing(CredentialSharing::PerUser);
    world.does(&admin(), Action::RegisterServer { server: id("own"), spec: own });
    for name in ["ann", "bob"] {
        world.does(&owner(), grant(&format!("grant-{name}"), person(name)));
        let (request, unused) = (format!("request-{name}"), format!("unused-{name}"));
        let ask = Action::RequestAccess {
            request: id(&request),
            grant: id(&unused),
            profile: id("on-call"),
            justification: None,
            seconds: None,
        };
        world.does(&someone(name), ask);
        let owner = CredentialOwner::User(user(name));
        let facts = CredentialFacts::new();
        world.does(&someone(name), Action::SetCredential { server: id("own"), owner, version: 1, facts });
        let client_type = Some(ClientType::Personal);
        let label = Label::new("Laptop");
        world.does(&admin(), Action::SetClient { client: client(name), label, client_type, owner: Some(user(name)) });
    }
    world.does(&owner(), grant("grant-group", Grantee::Group(id("Leads"))));
    world
}

fn client(name: &str) -> ClientId {
    ClientId::new("https://id.example.com", name).unwrap()
}

#[test]
fn off_boarding_ends_all_that_a_person_has_in_one_event_and_nothing_of_anybody_else() {
    let mut world = world();
    let events = world.does(&owner(), Action::OffboardUser { user: user("ann") });
    assert_eq!(events.len(), 1);
    assert_eq!(world.state.grants().keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["grant-bob", "grant-group"]);
    let status = |name: &str| world.state.requests()[name].status(world.now());
    assert_eq!((status("request-ann"), status("request-bob")), (RequestStatus::Cancelled, RequestStatus::Pending));
    let owners: Vec<_> = world.state.credentials().map(|(_, owner, _)| owner.clone()).collect();
    assert_eq!(owners, [CredentialOwner::User(user("bob"))]);
    assert!(world.state.clients()[&client("ann")].is_closed() && !world.state.clients()[&client("bob")].is_closed());
}

/// Also one who comes in by a group, and one who was off-boarded before.
#[test]
fn off_boarding_a_person_who_has_nothing_writes_nothing() {
    let mut world = world();
    world.does(&owner(), Action::OffboardUser { user: user("ann") });
    let head = world.state.head();
    for name in ["ann", "by-a-group"] {
        assert_eq!(world.send(&owner(), Action::OffboardUser { user: user(name) }), Ok(Vec::new()));
    }
    assert_eq!(world.state.head(), head);
}

#[test]
fn a_person_gives_back_ones_own_grant() {
    let mut world = world();
    world.does(&someone("ann"), Action::RevokeGrant { grant: id("grant-ann") });
    assert!(!world.state.grants().contains_key("grant-ann"));
}

#[test]
fn a_person_who_comes_back_can_be_granted_anew() {
    let mut world = world();
    world.does(&owner(), Action::OffboardUser { user: user("ann") });
    world.does(&owner(), grant("grant-ann", person("ann")));
    assert_eq!(world.state.grants()["grant-ann"].grantee(), &person("ann"));
}

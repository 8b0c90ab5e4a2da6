//! The peer: `cedar-policy` with one policy over the same tenant, requests prebuilt.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

use crate::tenant::{Question, Tenant};

/// People are in their profiles; a tool names the profiles that hold it, as one policy needs it.
const POLICY: &str = r#"
permit (principal, action == Action::"call", resource)
when { resource.approved && !resource.killed && principal in resource.profiles };
"#;

/// The tenant as cedar sees it.
#[derive(Debug)]
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

impl Cedar {
    /// The entities of a tenant.
    ///
    /// # Panics
    ///
    /// When cedar refuses the policy or an entity.
    #[must_use]
    pub fn new(tenant: &Tenant) -> Self {
        let policies = POLICY.parse().expect("a policy");
        let profiles =
            (0..tenant.size.profiles).map(|number| Entity::new_no_attrs(uid("Profile", number), HashSet::new()));
        let users = (0_u32..).zip(&tenant.user_profiles).map(|(number, profiles)| {
            let parents = profiles.iter().map(|profile| uid("Profile", *profile)).collect();
            Entity::new_no_attrs(uid("User", number), parents)
        });
        let tools = (0_u32..).zip(tenant.profiles_of()).map(|(number, profiles)| {
            let holding =
                profiles.into_iter().map(|profile| RestrictedExpression::new_entity_uid(uid("Profile", profile)));
            let attributes = HashMap::from([
                ("approved".to_owned(), RestrictedExpression::new_bool(true)),
                ("killed".to_owned(), RestrictedExpression::new_bool(false)),
                ("profiles".to_owned(), RestrictedExpression::new_set(holding)),
            ]);
            Entity::new(uid("Tool", number), attributes, HashSet::new()).expect("an entity")
        });
        let all: Vec<Entity> = profiles.chain(users).chain(tools).collect();
        let entities = Entities::from_entities(all, None).expect("entities");
        Self { authorizer: Authorizer::new(), policies, entities }
    }

    /// The request of a question.
    ///
    /// # Panics
    ///
    /// When cedar refuses it.
    #[must_use]
    pub fn request(question: &Question) -> Request {
        let action: EntityUid = "Action::\"call\"".parse().expect("an action");
        let (user, tool) = (uid("User", question.user), uid("Tool", question.tool));
        Request::new(user, action, tool, Context::empty(), None).expect("a request")
    }

    /// Cedar's answer.
    #[must_use]
    pub fn allows(&self, request: &Request) -> bool {
        self.authorizer.is_authorized(request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

fn uid(kind: &str, number: u32) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("a type");
    EntityUid::from_type_name_and_id(kind, EntityId::new(number.to_string()))
}

//! The people of the story.

use mcp_govern_core::{Actor, ClientId, Digest, Governor, Grantee, ParseIdError, Principal, Role, UserId};

/// The people of the story.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    /// Owns the tenant.
    pub(crate) olga: Person,
    /// Leads the team and decides who may.
    pub(crate) lea: Person,
    /// Is on call, with an AI client of her own.
    pub(crate) ann: Person,
    /// Works beside Ann, and has asked for nothing.
    pub(crate) ben: Person,
    /// Reads the record.
    pub(crate) ida: Person,
}

/// A person who governs, calls tools, or both.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    /// As one who sends commands.
    pub(crate) actor: Actor,
    /// As one who calls tools through an AI client.
    pub(crate) caller: Principal,
}

impl Cast {
    pub(crate) fn new() -> Result<Self, ParseIdError> {
        Ok(Self {
            olga: Person::new("Olga", "olga", &[Role::Owner])?,
            lea: Person::new("Lea", "lea", &[])?,
            ann: Person::new("Ann", "ann", &[])?,
            ben: Person::new("Ben", "ben", &[])?,
            ida: Person::new("Ida", "ida", &[Role::Auditor])?,
        })
    }

    /// Whose salted hash this is. A record has no names; a holder of the key can still say who it was.
    pub(crate) fn name_of(&self, governor: &Governor, hash: Digest) -> &'static str {
        let everybody = [&self.olga, &self.lea, &self.ann, &self.ben, &self.ida];
        let person = everybody.into_iter().find(|person| governor.user_hash(&person.caller.user) == hash);
        person.map_or("an unknown person", |person| person.name)
    }
}

impl Person {
    fn new(name: &'static str, subject: &str, roles: &[Role]) -> Result<Self, ParseIdError> {
        let user = UserId::new("https://id.example.com", subject)?;
        let client = ClientId::new("https://id.example.com", format!("laptop-of-{subject}"))?;
        Ok(Self { name, actor: Actor::new(user.clone(), roles.iter().copied()), caller: Principal::new(user, client) })
    }

    /// The person as one to whom something is granted, or who approves.
    pub(crate) fn grantee(&self) -> Grantee {
        Grantee::User(self.caller.user.clone())
    }
}

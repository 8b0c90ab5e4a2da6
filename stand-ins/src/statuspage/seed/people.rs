//! The people around the pages: subscribers, customers with a login, and the team.

use super::super::access::{AccessGroup, AccessUser};
use super::super::organization::User;
use super::super::subscriber::Subscriber;
use crate::mint::Mint;
use crate::moment::Moment;

const PEOPLE: &[&str] = &[
    "lotte.vandijk",
    "kwame.boateng",
    "ingrid.solheim",
    "mateus.rocha",
    "yuki.tanabe",
    "priya.raman",
    "tomas.novak",
    "amara.okafor",
    "elif.demir",
    "niko.laine",
    "sofia.conti",
    "jonas.keller",
    "mei.lin",
    "omar.haddad",
    "clara.dubois",
    "pavel.orlov",
    "hana.kim",
    "diego.paz",
    "freya.lund",
    "samir.patel",
    "greta.holm",
    "luca.moretti",
    "zoe.martin",
];

pub(super) fn subscribers(mint: &mut Mint, since: Moment) -> Vec<Subscriber> {
    let mut list = Vec::new();
    let mut add = |mode: &'static str, address: String, state: &'static str| {
        let day = u64::try_from(list.len()).unwrap_or_default();
        let created = since.in_minutes(day * 60 * 24);
        list.push(Subscriber::new(mint.lower(12), mode, address, state, created));
    };
    for person in PEOPLE {
        add("email", format!("{person}@example.com"), "active");
    }
    for number in ["+31 20 555 0101", "+31 20 555 0102", "+65 5550 0103"] {
        add("sms", number.to_owned(), "active");
    }
    add("webhook", "https://hooks.example.com/harbourline".to_owned(), "active");
    add("email", "new.customer@example.com".to_owned(), "unconfirmed");
    add("email", "returned.mail@example.com".to_owned(), "quarantined");
    list
}

/// Customers whose addresses differ in a number alone.
pub(super) fn more_subscribers(mint: &mut Mint, since: Moment, count: usize) -> Vec<Subscriber> {
    (1..=count)
        .map(|number| {
            let address = format!("customer{number}@example.com");
            Subscriber::new(mint.lower(12), "email", address, "active", since)
        })
        .collect()
}

/// Somebody who follows the trouble with the Singapore terminal alone, and has not confirmed yet.
pub(super) fn follower(since: Moment) -> Subscriber {
    let address = "gate.desk@example.com".to_owned();
    Subscriber::new("sub1gatedesk".to_owned(), "email", address, "unconfirmed", since)
}

/// Somebody who has left.
pub(super) fn former_subscriber(since: Moment) -> Subscriber {
    let address = "former.customer@example.com".to_owned();
    Subscriber::new("sub0formerxx".to_owned(), "email", address, "active", since)
}

const CUSTOMERS: &[(&str, &str, &[&str])] = &[
    ("pau1lotte000", "lotte", &[]),
    ("pau2kwame000", "kwame", &[]),
    ("pau3ingrid00", "ingrid", &["c06trackapi4", "c07events555"]),
];

pub(super) fn access_users(since: Moment) -> Vec<AccessUser> {
    let customers = CUSTOMERS.iter().map(|(id, name, components)| {
        let mut user = AccessUser::new(id, since);
        user.email = Some(format!("{name}@customer.example.com"));
        user.external_login = Some(format!("uid-{name}"));
        user.components = components.iter().map(|id| (*id).to_owned()).collect();
        user
    });
    customers.collect()
}

pub(super) fn access_groups(since: Moment) -> Vec<AccessGroup> {
    let mut shippers = AccessGroup::new("pag1shippers", since);
    "Shippers".clone_into(&mut shippers.name);
    shippers.external_identifier = Some("idp-shippers".to_owned());
    shippers.users = vec!["pau1lotte000".to_owned()];
    shippers.components = vec!["c01quotesapi".to_owned(), "c13billing11".to_owned()];
    let mut carriers = AccessGroup::new("pag2carriers", since);
    "Carriers".clone_into(&mut carriers.name);
    vec![shippers, carriers]
}

const TEAM: &[(&str, &str, &str)] =
    &[(super::USER, "Noor", "Vermeer"), ("usr2tariqhas", "Tariq", "Hassan"), ("usr3beatrizm", "Beatriz", "Moura")];

pub(in super::super) fn users(now: Moment) -> Vec<User> {
    let members = TEAM.iter().map(|(id, first, last)| User {
        id: (*id).to_owned(),
        email: format!("{}@harbourline.example.com", first.to_lowercase()),
        first_name: Some((*first).to_owned()),
        last_name: Some((*last).to_owned()),
        created: now.minutes_ago(60 * 24 * 700),
    });
    members.collect()
}

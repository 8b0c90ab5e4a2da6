//! Who waits, and whose turn it is: one request of each person in rotation.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::Notify;

/// The caller, as rate buckets tell people apart; none where a request belongs to no person, such as a probe.
pub(crate) type Person = Option<u64>;

/// How many requests of one person may wait in one rate bucket.
pub(crate) const MOST_WAITING: usize = 32;

/// Those who wait in one rate bucket.
///
/// The first person in the rotation who may send has the next turn, with the request that was there first, and goes to the back
/// with those that are left.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// People who wait, in the order of their turns.
    order: VecDeque<Person>,
    waiting: HashMap<Person, VecDeque<Arc<Ticket>>>,
}

/// One request that waits.
#[derive(Debug)]
pub(super) struct Ticket {
    person: Person,
    /// Notified when another caller had a turn, or when there may be room sooner than was announced.
    pub(super) wake: Notify,
}

impl Ticket {
    pub(super) fn person(&self) -> Person {
        self.person
    }
}

impl Turns {
    /// Takes a ticket, unless the person has too many waiting.
    pub(super) fn join(&mut self, person: Person) -> Option<Arc<Ticket>> {
        let own = self.waiting.entry(person).or_default();
        if own.is_empty() {
            self.order.push_back(person);
        } else if person.is_some() && own.len() >= MOST_WAITING {
            return None;
        }
        let ticket = Arc::new(Ticket { person, wake: Notify::new() });
        own.push_back(Arc::clone(&ticket));
        Some(ticket)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The first ticket of each person, in the order of their turns.
    pub(super) fn first_of_each(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.order.iter().filter_map(|person| self.waiting.get(person)?.front())
    }

    /// The person has had a turn with the request that was there first.
    pub(super) fn had(&mut self, person: Person) {
        let Some(own) = self.waiting.get_mut(&person) else { return };
        own.pop_front();
        self.order.retain(|other| *other != person);
        if own.is_empty() {
            self.waiting.remove(&person);
        } else {
            self.order.push_back(person);
        }
    }

    /// A ticket is given back without its turn; the person keeps the place in the rotation for those that are left.
    pub(super) fn leave(&mut self, ticket: &Arc<Ticket>) {
        let Some(own) = self.waiting.get_mut(&ticket.person) else { return };
        own.retain(|other| !Arc::ptr_eq(other, ticket));
        if own.is_empty() {
            self.waiting.remove(&ticket.person);
            self.order.retain(|person| *person != ticket.person);
        }
    }

    /// How many requests of the person come before a ticket; where it is none of these, before one more of the person.
    pub(super) fn own_ahead(&self, person: Person, ticket: Option<&Arc<Ticket>>) -> usize {
        let own = self.waiting.get(&person);
        let place = ticket.zip(own).and_then(|(ticket, own)| own.iter().position(|other| Arc::ptr_eq(other, ticket)));
        place.unwrap_or(own.map_or(0, VecDeque::len))
    }

    /// How many turns come before that of a ticket, or of one more of the person, where every caller may send.
    pub(super) fn ahead(&self, person: Person, ticket: Option<&Arc<Ticket>>) -> usize {
        let (own, rounds) = (self.waiting.get(&person), self.own_ahead(person, ticket));
        let mut before = true;
        let others = self.order.iter().filter_map(|other| {
            if *other == person {
                before = false;
                return None;
            }
            let most = if before && own.is_some() {
                rounds + 1
            } else if before {
                1
            } else {
                rounds
            };
            Some(self.waiting.get(other).map_or(0, VecDeque::len).min(most))
        });
        rounds + others.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a person of a ticket is one of many, or nobody")]
    fn person(number: u64) -> Person {
        Some(number)
    }

    /// Takes the next turn.
    fn next(turns: &mut Turns) -> Option<Arc<Ticket>> {
        let front = turns.first_of_each().next().cloned()?;
        turns.had(front.person);
        Some(front)
    }

    /// Takes every turn and answers whose each was.
    fn all(turns: &mut Turns) -> Vec<u64> {
        let mut had = Vec::new();
        while let Some(front) = next(turns) {
            had.push(front.person.unwrap_or_default());
        }
        had
    }

    #[test]
    fn each_person_has_one_turn_in_rotation() {
        let mut turns = Turns::default();
        for number in [1, 1, 1, 1, 2, 3, 2] {
            turns.join(person(number)).unwrap();
        }
        assert_eq!(all(&mut turns), [1, 2, 3, 1, 2, 1, 1]);
        assert!(turns.is_empty() && turns.waiting.is_empty());
    }

    #[test]
    fn a_ticket_that_is_given_back_costs_nobody_a_turn() {
        let mut turns = Turns::default();
        let first = turns.join(person(1)).unwrap();
        let only = turns.join(person(2)).unwrap();
        for number in [3, 1] {
            turns.join(person(number)).unwrap();
        }
        turns.leave(&first);
        turns.leave(&only);
        turns.leave(&only);
        assert_eq!(all(&mut turns), [1, 3]);
    }

    #[test]
    fn one_person_has_so_many_waiting_and_no_more() {
        let mut turns = Turns::default();
        for _ in 0..MOST_WAITING {
            turns.join(person(1)).unwrap();
        }
        assert!(turns.join(person(1)).is_none());
        turns.join(person(2)).unwrap();
        for _ in 0..2 * MOST_WAITING {
            turns.join(None).unwrap();
        }
    }

    proptest! {
        #[test]
        fn what_is_ahead_of_a_ticket_is_what_goes_before_it_and_no_person_goes_twice_in_between(
            joins in prop::collection::vec(0_u64..6, 1..60),
            taken in 0_usize..20,
        ) {
            let mut turns = Turns::default();
            let mut tickets = Vec::new();
            for number in joins {
                tickets.extend(turns.join(person(number)));
            }
            for _ in 0..taken {
                next(&mut turns);
            }
            let tickets: Vec<_> = tickets
                .into_iter()
                .filter(|ticket| turns.waiting.get(&ticket.person).is_some_and(|own| own.iter().any(|other| Arc::ptr_eq(other, ticket))))
                .map(|ticket| (turns.ahead(ticket.person, Some(&ticket)), ticket))
                .collect();
            let mut order = Vec::new();
            while let Some(front) = next(&mut turns) {
                order.push(front);
            }
            for (ahead, ticket) in &tickets {
                prop_assert!(Arc::ptr_eq(&order[*ahead], ticket));
            }
            // Between two turns of one person each other person who waits has one, and no more than one.
            for (index, ticket) in order.iter().enumerate() {
                let again = order.iter().skip(index + 1).position(|other| other.person == ticket.person);
                let between: Vec<_> = order.iter().skip(index + 1).take(again.unwrap_or(0)).map(|other| other.person).collect();
                let distinct: std::collections::BTreeSet<_> = between.iter().collect();
                prop_assert_eq!(distinct.len(), between.len());
            }
        }

        #[test]
        fn the_first_request_of_a_person_waits_for_one_turn_of_each_other_person(
            queued in prop::collection::vec(1_usize..40, 0..6),
            later in prop::collection::vec(0_u64..6, 0..30),
        ) {
            let mut turns = Turns::default();
            for (number, many) in (0_u64..).zip(&queued) {
                for _ in 0..*many {
                    turns.join(person(number));
                }
            }
            prop_assert_eq!(turns.ahead(person(99), None), queued.len());
            let ticket = turns.join(person(99)).unwrap();
            // Nor does it wait for those who come later.
            for number in later {
                turns.join(person(number));
            }
            let before = std::iter::from_fn(|| next(&mut turns)).take_while(|had| !Arc::ptr_eq(had, &ticket)).count();
            prop_assert!(before <= queued.len());
        }
    }
}

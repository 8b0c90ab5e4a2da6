//! Verification of the other stream: the journal of governance acts.

use crate::journal::{ActError, Head, StoredAct};

/// What verification of a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalVerification {
    /// Where the journal stands, as far as it holds.
    pub head: Head,
    /// The first act that does not hold.
    pub broken: Option<ActError>,
}

impl JournalVerification {
    /// Whether every act is as it was written.
    pub fn is_intact(&self) -> bool {
        self.broken.is_none()
    }
}

/// Verifies acts over their exact stored bytes, oldest first, from where the journal stood at `from`
/// ([`Head::EMPTY`] for the whole journal). `anchor` is a head that was kept elsewhere and that the journal must hold.
pub fn verify_acts<'a>(
    acts: impl IntoIterator<Item = &'a StoredAct>,
    from: Head,
    anchor: Option<Head>,
) -> JournalVerification {
    let mut head = from;
    for act in acts {
        let checked = act.open(head).map(|_| act.head());
        let anchored = checked.and_then(|at| match anchor {
            Some(anchor) if anchor.revision == at.revision && anchor.hash != at.hash => {
                Err(ActError::Tampered { revision: at.revision })
            }
            _ => Ok(at),
        });
        match anchored {
            Ok(at) => head = at,
            Err(error) => return JournalVerification { head, broken: Some(error) },
        }
    }
    let broken = anchor
        .filter(|anchor| anchor.revision > head.revision)
        .map(|anchor| ActError::Broken { revision: anchor.revision, expected: head.revision.next() });
    JournalVerification { head, broken }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{Act, Event, GovernanceActivated, Revision, SchemaActivated},
        vocabulary::{Actor, CommandId, Role, Timestamp, UserId},
    };

    fn acts() -> Vec<StoredAct> {
        let owner = Actor::new(UserId::new("local", "ada").unwrap(), [Role::Owner]);
        let events: [Event; 3] =
            [GovernanceActivated {}.into(), SchemaActivated { schema: 2 }.into(), SchemaActivated { schema: 3 }.into()];
        let mut head = Head::EMPTY;
        let seal = |event: Event| {
            let act = Act {
                revision: head.revision.next(),
                previous: head.hash,
                command_id: CommandId::new(format!("c{}", head.revision)).unwrap(),
                actor: owner.to_recorded(),
                at: Timestamp::from_millis(5),
                reason: None,
                events: vec![event],
            };
            let sealed = StoredAct::seal(&act).unwrap();
            head = sealed.head();
            sealed
        };
        events.into_iter().map(seal).collect()
    }

    #[test]
    fn an_untouched_journal_is_intact_and_a_shortened_one_is_not_what_the_anchor_knows() {
        let acts = acts();
        let whole = verify_acts(&acts, Head::EMPTY, None);
        assert!(whole.is_intact() && whole.head == acts[2].head());
        assert!(verify_acts(&acts, Head::EMPTY, Some(acts[1].head())).is_intact());
        let short = verify_acts(&acts[..2], Head::EMPTY, Some(acts[2].head()));
        assert!(matches!(short.broken, Some(ActError::Broken { revision: Revision(3), .. })));
    }

    #[test]
    fn a_changed_act_is_found_in_its_place() {
        let mut acts = acts();
        let bytes = String::from_utf8(acts[1].bytes().to_vec()).unwrap().replace("\"schema\":2", "\"schema\":9");
        acts[1] = StoredAct::from_parts(acts[1].revision(), acts[1].hash(), bytes.into_bytes());
        let found = verify_acts(&acts, Head::EMPTY, None);
        assert_eq!(found.head, acts[0].head());
        assert!(matches!(found.broken, Some(ActError::Tampered { revision: Revision(2) })));
    }
}

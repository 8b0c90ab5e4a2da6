//! What is promised of the record against somebody who can write the store: one row for each thing that they may do, and what
//! verification says of it without the audit key, with it, and with heads that were kept outside of the store besides.

use std::{collections::BTreeMap, sync::Arc};

use mcp_govern_core::{
    Digest, Governor, UserId,
    audit::{AuditKey, AuditRecord, BreakKind, ChainedRecord, JournalVerification, Verification, WriterMark},
    governor::{Driver, GovernError, GovernErrorKind, GovernorBuilder},
    journal::{Action, Commit, Event, Head, Revision, StoredCommit},
    memory::MemoryHeadKeeper,
    ports::{AuditHead, HeadKeeper, KeptHeads, StoredRecord, TenantStores, WriterId},
};

use crate::{
    nodes::{TENANT, Vendor, admin, furnish, grant, start_with},
    on_every_store,
    site::Site,
};

on_every_store!(
    whatever_is_done_to_a_store_is_found_as_far_as_it_is_promised,
    an_older_file_of_kept_heads_finds_what_was_known_then_and_no_more,
);

/// What verification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It is named where it does not hold.
    Found,
    /// It holds, and nothing vouches for it but itself: verification says that, too.
    Unvouched,
    /// It holds, and a seal vouches for it.
    Vouched,
}
use Says::{Found, Unvouched, Vouched};

/// Everything that a store holds of the record.
#[derive(Debug, Clone)]
struct Picture {
    commits: Vec<StoredCommit>,
    chains: BTreeMap<WriterId, Vec<StoredRecord>>,
}

/// Something that is done to a store.
enum Done {
    /// Behind the back of everything that fits together.
    Sql(&'static [&'static str]),
    /// By writing another store that fits together.
    Rewritten(fn(&Story) -> Picture),
}
use Done::{Rewritten, Sql};

/// What is done, what verification says without the key, with it, and with kept heads, too; and whether a node opens the store that
/// has kept heads.
type Row = (&'static str, Done, [Says; 3], Opens);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    Yes,
    Refused,
}
use Opens::{Refused, Yes};

const NEWEST_RECORD: &str = "DELETE FROM record WHERE sequence = (SELECT max(sequence) FROM record)";
const ITS_HEAD: &str = "UPDATE writer SET sequence = (SELECT max(sequence) FROM record WHERE record.writer = writer.id), \
                        hash = (SELECT r.hash FROM record r WHERE r.writer = writer.id ORDER BY r.sequence DESC LIMIT 1)";

/// The table that SECURITY.md tells in words.
fn rows() -> Vec<Row> {
    let mut rows = done_behind_the_back();
    rows.extend(rewritten());
    rows.extend(younger_than_the_last_seal());
    rows
}

/// What does not fit together.
fn done_behind_the_back() -> Vec<Row> {
    vec![
        ("nothing", Sql(&[]), [Unvouched, Vouched, Vouched], Yes),
        (
            "the bytes of a record are others",
            Sql(&["UPDATE record SET bytes = hash WHERE sequence = 3"]),
            [Found; 3],
            Yes,
        ),
        (
            "a record is filed under another person",
            Sql(&["UPDATE record SET person = hash WHERE sequence = 2"]),
            [Found; 3],
            Yes,
        ),
        (
            "a record is filed at another time",
            Sql(&["UPDATE record SET at = at + 1 WHERE sequence = 3"]),
            [Found; 3],
            Yes,
        ),
        ("a record is gone", Sql(&["DELETE FROM record WHERE sequence = 3"]), [Found; 3], Yes),
        (
            "two records have changed places",
            Sql(&[
                "UPDATE record SET sequence = 1002 WHERE sequence = 2",
                "UPDATE record SET sequence = 2 WHERE sequence = 3",
                "UPDATE record SET sequence = 3 WHERE sequence = 1002",
            ]),
            [Found; 3],
            Yes,
        ),
        ("the newest record is gone with the head", Sql(&[NEWEST_RECORD, ITS_HEAD]), [Found; 3], Refused),
        (
            "all records are gone with their heads",
            Sql(&["DELETE FROM record", "DELETE FROM writer"]),
            [Found; 3],
            Refused,
        ),
        ("the bytes of a commit are others", Sql(&["UPDATE act SET bytes = hash WHERE revision = 2"]), [Found; 3], Yes),
        ("a commit is gone", Sql(&["DELETE FROM act WHERE revision = 4"]), [Found; 3], Yes),
    ]
}

/// Another store that fits together.
fn rewritten() -> Vec<Row> {
    vec![
        (
            "both streams are cut to an earlier moment",
            Rewritten(|story| story.earlier.clone()),
            [Unvouched, Vouched, Found],
            Refused,
        ),
        (
            "the store is empty",
            Rewritten(|_| Picture { commits: Vec::new(), chains: BTreeMap::new() }),
            [Unvouched, Unvouched, Found],
            Refused,
        ),
        (
            "who made a call is another, and both streams are chained anew",
            Rewritten(another_caller),
            [Unvouched, Found, Found],
            Refused,
        ),
        (
            "the same, and the seals are taken away",
            Rewritten(|story| {
                another_caller(story).with_commits(|commit| commit.events.retain(|event| !is_seal(event)))
            }),
            [Unvouched, Unvouched, Found],
            Refused,
        ),
        ("the same, and the newest seal is taken away", Rewritten(newest_seal_gone), [Found, Found, Found], Refused),
        (
            "the same, and the seals are made under another key",
            Rewritten(sealed_by_somebody),
            [Unvouched, Found, Found],
            Refused,
        ),
        (
            "the newest anchor is taken out, and both streams are chained anew",
            Rewritten(newest_anchor_gone),
            [Unvouched, Found, Found],
            Refused,
        ),
        ("the MAC of one seal stands in another", Rewritten(mac_copied), [Unvouched, Found, Found], Refused),
        (
            "a commit before the last seal is another, and the journal is chained anew",
            Rewritten(|story| {
                story.picture.with_commits(|commit| {
                    if commit.revision == Revision(3) {
                        commit.reason = Some("as it was not".to_owned());
                    }
                })
            }),
            [Unvouched, Found, Found],
            Refused,
        ),
    ]
}

/// What no seal covers: heads that are kept outside of the store do.
fn younger_than_the_last_seal() -> Vec<Row> {
    vec![
        (
            "a commit after the last seal is another",
            Rewritten(youngest_commit_changed),
            [Unvouched, Vouched, Found],
            Refused,
        ),
        (
            "a commit after the last seal is gone",
            Rewritten(|story| {
                let mut picture = story.picture.clone();
                picture.commits.pop();
                picture
            }),
            [Unvouched, Vouched, Found],
            Refused,
        ),
        // The limit: it is followed by the nodes, and stands in the journal for everybody to see.
        (
            "a commit is appended in the name of somebody",
            Rewritten(commit_appended),
            [Unvouched, Vouched, Vouched],
            Yes,
        ),
    ]
}

/// A store, what it held when its first node had ended, and what is kept outside of it.
struct Story {
    picture: Picture,
    earlier: Picture,
    kept: KeptHeads,
    kept_earlier: KeptHeads,
}

fn key() -> AuditKey {
    AuditKey::from_bytes([7; 32])
}

impl Story {
    /// Two nodes after one another, each with calls and an end in order, and then a commit that nothing has sealed.
    async fn of(site: &Site) -> Self {
        let (vendor, keeper) = (Vendor::new(), Arc::new(MemoryHeadKeeper::new()));
        furnish(site.node().await.into_stores(), &vendor).await;
        let mut earlier = None;
        for person in ["ann", "bob"] {
            let stores = site.node().await.into_stores();
            let node = start_with(stores, &vendor, |builder| builder.with_head_keeper(keeper.clone())).await.unwrap();
            node.commit(grant(person, None)).await.unwrap();
            node.call().await.unwrap();
            node.call_as(person).await.unwrap();
            node.governor.close().await;
            let kept = keeper.last().await.unwrap().unwrap();
            earlier.get_or_insert((Picture::of(&tenant_stores(site).await).await, kept));
        }
        let (last, _driver) = open(site, Some(&keeper), true, |builder| builder).await.unwrap();
        let command = mcp_govern_core::CommandId::new("the-last-commit").unwrap();
        last.commit(&admin(), mcp_govern_core::journal::Command::new(command, grant("carl", None))).await.unwrap();
        last.keep_heads().await.unwrap();
        let picture = Picture::of(&tenant_stores(site).await).await;
        let (earlier, kept_earlier) = earlier.unwrap();
        Self { picture, earlier, kept: keeper.last().await.unwrap().unwrap(), kept_earlier }
    }
}

async fn tenant_stores(site: &Site) -> TenantStores {
    site.node().await.stores().open(&TENANT.parse().unwrap()).await.unwrap()
}

/// Opens a governor that calls nothing, as a command beside the nodes does.
async fn open(
    site: &Site,
    keeper: Option<&Arc<MemoryHeadKeeper>>,
    with_key: bool,
    configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder,
) -> Result<(Governor, Driver), GovernError> {
    let stores = site.node_without_keys().await.into_stores();
    let mut builder = Governor::builder(TENANT.parse().unwrap()).with_shared_stores(stores);
    if with_key {
        builder = builder.with_audit_key(key());
    }
    if let Some(keeper) = keeper {
        builder = builder.with_head_keeper(keeper.clone());
    }
    configure(builder).open().await
}

/// What verification says, in both streams together.
async fn says(site: &Site, keeper: Option<&Arc<MemoryHeadKeeper>>, with_key: bool) -> Says {
    let (governor, _driver) = open(site, keeper, with_key, GovernorBuilder::despite_rollback).await.unwrap();
    let journal: JournalVerification = governor.verify_journal(&admin(), None).await.unwrap();
    let chains: Vec<(WriterId, Verification)> = governor.verify_audit(&admin(), &[]).await.unwrap();
    match journal.seals.through {
        _ if !journal.is_intact() || chains.iter().any(|(_, chain)| !chain.is_intact()) => Found,
        Some(_) => Vouched,
        None => Unvouched,
    }
}

async fn keeper_with(kept: &KeptHeads) -> Arc<MemoryHeadKeeper> {
    let keeper = Arc::new(MemoryHeadKeeper::new());
    keeper.keep(kept).await.unwrap();
    keeper
}

async fn whatever_is_done_to_a_store_is_found_as_far_as_it_is_promised(site: Site) {
    let story = Story::of(&site).await;
    let keeper = keeper_with(&story.kept).await;
    let mut wrong = Vec::new();
    for (what, done, expected, opens) in rows() {
        let site = site.another();
        let (picture, statements) = match done {
            Rewritten(rewrite) => (rewrite(&story), &[][..]),
            Sql(statements) => (story.picture.clone(), statements),
        };
        picture.write_to(&tenant_stores(&site).await).await;
        for statement in statements {
            assert!(site.sql(statement).await > 0, "{what}: `{statement}` changed nothing");
        }
        let said =
            [says(&site, None, false).await, says(&site, None, true).await, says(&site, Some(&keeper), true).await];
        let opened = match open(&site, Some(&keeper), true, |builder| builder).await {
            Ok(_) => Yes,
            Err(error) if error.kind() == GovernErrorKind::RolledBack => Refused,
            Err(error) => panic!("{what}: {error}"),
        };
        if (said, opened) != (expected, opens) {
            wrong.push(format!("{what}: {said:?} {opened:?}, and promised is {expected:?} {opens:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn an_older_file_of_kept_heads_finds_what_was_known_then_and_no_more(site: Site) {
    let story = Story::of(&site).await;
    let older = keeper_with(&story.kept_earlier).await;
    // With it, what is newer may be cut off unseen: the file belongs where whoever writes the store cannot write.
    let cut = site.another();
    story.earlier.write_to(&tenant_stores(&cut).await).await;
    assert_eq!(says(&cut, Some(&older), true).await, Vouched);
    open(&cut, Some(&older), true, |builder| builder).await.map(drop).unwrap();
    // What was known then must be there.
    let before = site.another();
    let mut picture = story.earlier.clone();
    picture.commits.pop();
    picture.write_to(&tenant_stores(&before).await).await;
    assert_eq!(says(&before, Some(&older), true).await, Found);
    let error = open(&before, Some(&older), true, |builder| builder).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::RolledBack);
    // A chain that is shorter is named with its place.
    let shorter = site.another();
    let mut picture = story.picture.clone();
    // The node that furnished the tenant made no call: its chain holds two marks.
    let (writer, _) = picture.chains.iter().find(|(_, records)| records.len() > 2).unwrap();
    let writer = writer.clone();
    picture.chains.get_mut(&writer).unwrap().truncate(2);
    picture.write_to(&tenant_stores(&shorter).await).await;
    let (governor, _driver) = open(&shorter, Some(&older), true, GovernorBuilder::despite_rollback).await.unwrap();
    let chains: BTreeMap<_, _> = governor.verify_audit(&admin(), &[]).await.unwrap().into_iter().collect();
    let broken = chains[&writer].broken.as_ref().unwrap();
    assert_eq!((broken.sequence, broken.kind), (3, BreakKind::Truncated));
}

impl Picture {
    async fn of(stores: &TenantStores) -> Self {
        let commits = stores.journal.read(Revision::ZERO, 10_000).await.unwrap();
        let mut chains = BTreeMap::new();
        for writer in stores.audit.writers().await.unwrap() {
            let records = stores.audit.read(&writer, 0, 10_000).await.unwrap();
            chains.insert(writer, records);
        }
        Self { commits, chains }
    }

    /// Writes it into empty stores.
    async fn write_to(&self, stores: &TenantStores) {
        let mut head = Head::EMPTY;
        for commit in &self.commits {
            head = stores.journal.append(head, commit).await.unwrap();
        }
        for (writer, records) in &self.chains {
            stores.audit.append(writer, AuditHead::EMPTY, records).await.unwrap();
        }
    }

    /// With every commit changed as somebody does who has no key: every hash is right, in both streams.
    fn with_commits(&self, mut change: impl FnMut(&mut Commit)) -> Self {
        let commits = self.commits.iter().map(|stored| {
            let mut commit: Commit = serde_json::from_slice(stored.bytes()).unwrap();
            change(&mut commit);
            commit
        });
        let chains = self.chains.iter().map(|(writer, records)| (writer.clone(), opened(records)));
        chained(commits.collect(), chains.collect())
    }

    /// With every record changed, likewise.
    fn with_records(&self, mut change: impl FnMut(&mut ChainedRecord)) -> Self {
        let commits = self.commits.iter().map(|stored| serde_json::from_slice(stored.bytes()).unwrap());
        let chains = self.chains.iter().map(|(writer, records)| {
            let mut records = opened(records);
            records.iter_mut().for_each(&mut change);
            (writer.clone(), records)
        });
        chained(commits.collect(), chains.collect())
    }
}

fn opened(records: &[StoredRecord]) -> Vec<ChainedRecord> {
    records.iter().map(|record| record.open().unwrap()).collect()
}

/// Chains both streams so that they fit together: each holds heads of the other.
fn chained(mut commits: Vec<Commit>, mut chains: BTreeMap<WriterId, Vec<ChainedRecord>>) -> Picture {
    let mut picture = Picture { commits: Vec::new(), chains: BTreeMap::new() };
    // Each names what was before it, so that every round settles one more of the heads.
    for _ in 0..12 {
        let mut head = Head::EMPTY;
        picture.commits = commits
            .iter_mut()
            .map(|commit| {
                (commit.previous, commit.revision) = (head.hash, head.revision.next());
                for event in &mut commit.events {
                    if let Event::AuditAnchored(anchor) = event
                        && let Some(record) = record_at(&picture.chains, &anchor.writer, anchor.sequence)
                    {
                        anchor.hash = record;
                    }
                }
                let stored = StoredCommit::seal(commit).unwrap();
                head = stored.head();
                stored
            })
            .collect();
        for (writer, records) in &mut chains {
            let mut previous = Digest::ZERO;
            let again = records.iter_mut().map(|record| {
                record.previous = previous;
                if let AuditRecord::Mark(WriterMark::Opened { revision, journal }) = &mut record.entry {
                    let commit = picture.commits.iter().find(|commit| commit.revision() == *revision);
                    *journal = commit.map_or(*journal, StoredCommit::hash);
                }
                let stored = StoredRecord::seal(record).unwrap();
                previous = stored.hash;
                stored
            });
            picture.chains.insert(writer.clone(), again.collect());
        }
    }
    picture
}

fn record_at(chains: &BTreeMap<WriterId, Vec<StoredRecord>>, writer: &WriterId, sequence: u64) -> Option<Digest> {
    chains.get(writer)?.iter().find(|record| record.sequence == sequence).map(|record| record.hash)
}

fn is_seal(event: &Event) -> bool {
    matches!(event, Event::JournalSealed(_))
}

fn another_caller(story: &Story) -> Picture {
    story.picture.with_records(|record| {
        if let AuditRecord::Intent(intent) = &mut record.entry {
            intent.caller.user = Digest::of_bytes(b"somebody else");
        }
    })
}

/// The revision of the newest sealed commit.
fn newest_seal(picture: &Picture) -> Revision {
    let sealed = picture.commits.iter().rev().find(|stored| {
        let commit: Commit = serde_json::from_slice(stored.bytes()).unwrap();
        commit.events.iter().any(is_seal)
    });
    sealed.unwrap().revision()
}

fn newest_seal_gone(story: &Story) -> Picture {
    let newest = newest_seal(&story.picture);
    another_caller(story).with_commits(|commit| {
        if commit.revision == newest {
            commit.events.retain(|event| !is_seal(event));
        }
    })
}

/// Somebody writes the journal anew with a governor of theirs: what its seals say is for the key to tell.
fn sealed_by_somebody(story: &Story) -> Picture {
    let theirs = AuditKey::from_bytes([1; 32]).id();
    another_caller(story).with_commits(|commit| {
        for event in &mut commit.events {
            if let Event::JournalSealed(seal) = event {
                seal.key = theirs;
            }
        }
    })
}

fn newest_anchor_gone(story: &Story) -> Picture {
    let newest = newest_seal(&story.picture);
    story.picture.with_commits(|commit| {
        if commit.revision == newest {
            commit.events.retain(|event| !matches!(event, Event::AuditAnchored(_)));
        }
    })
}

fn mac_copied(story: &Story) -> Picture {
    let mut first = None;
    story.picture.with_commits(|commit| {
        for event in &mut commit.events {
            if let Event::JournalSealed(seal) = event {
                seal.mac = *first.get_or_insert(seal.mac);
            }
        }
    })
}

fn youngest_commit_changed(story: &Story) -> Picture {
    let youngest = story.picture.commits.last().unwrap().revision();
    story.picture.with_commits(|commit| {
        if commit.revision == youngest {
            commit.actor.user = UserId::new("harness", "mallory").unwrap();
        }
    })
}

fn commit_appended(story: &Story) -> Picture {
    let mut picture = story.picture.clone();
    let last = picture.commits.last().unwrap();
    let mut commit: Commit = serde_json::from_slice(last.bytes()).unwrap();
    let head = last.head();
    (commit.revision, commit.previous) = (head.revision.next(), head.hash);
    commit.command_id = "one-more".parse().unwrap();
    let Action::GrantProfile { grant, profile, grantee, .. } = grant("eve", None) else { panic!("it is a grant") };
    let granted = json_event(&grant, &profile, &grantee);
    commit.events = vec![granted];
    picture.commits.push(StoredCommit::seal(&commit).unwrap());
    picture
}

fn json_event(
    grant: &mcp_govern_core::GrantId,
    profile: &mcp_govern_core::ProfileId,
    grantee: &mcp_govern_core::Grantee,
) -> Event {
    let data =
        serde_json::json!({"grant": grant, "profile": profile, "grantee": grantee, "until": null, "request": null});
    serde_json::from_value(serde_json::json!({"event": "profile_granted.v1", "data": data})).unwrap()
}

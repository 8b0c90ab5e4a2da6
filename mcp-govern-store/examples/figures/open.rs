//! Opening a tenant of 100,000 users and 400,000 grants, each a commit of its own: from every commit, and from a checkpoint.

use std::{path::Path, sync::Arc, time::Instant};

use mcp_govern_core::{
    Actor, CommandId, Governor, GrantId, Grantee, Label, ProfileId, ProfileSpec, Role, Timestamp, UserId,
    journal::{Action, CHECKPOINT_FORM, Command, Decided, State, StoredCommit, decide},
    ports::{Journal, Stores as _, TenantStores},
};
use mcp_govern_store::{IntegrityCheck, SqliteOptions, SqliteStores, VaultKeys};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::{chains::tenant, round};

const USERS: usize = 100_000;
const PROFILES: usize = 4;

pub(crate) async fn open(folder: &Path) -> Value {
    let (path, keys) = (folder.join("open.db"), VaultKeys::generate().unwrap());
    let stores = || async {
        let options = SqliteOptions::new(keys.clone()).with_integrity_check(IntegrityCheck::Never);
        SqliteStores::open(&path, options).await.unwrap()
    };
    let opened = stores().await.open(&tenant()).await.unwrap();
    fill(&path, &*opened.journal).await;
    let (replayed, commits) = timed(stores().await).await;
    let bytes = keep(&opened).await;
    let (restored, again) = timed(stores().await).await;
    assert_eq!((commits, again), (USERS * PROFILES + PROFILES, commits));
    json!({
        "sqlite, opened from 400,004 commits, s": round(replayed),
        "sqlite, opened from a checkpoint of 100,000 users and 400,000 grants, s (at most 2)": round(restored),
        "sqlite, checkpoint, MB": bytes / 1_000_000,
    })
}

/// Opens a governor; how long it took, and how many commits it holds.
async fn timed(stores: SqliteStores) -> (f64, usize) {
    let began = Instant::now();
    let (governor, driver) = Governor::builder(tenant()).with_stores(stores).open().await.unwrap();
    let took = began.elapsed().as_secs_f64();
    drop(driver);
    assert_eq!(governor.state().grants().len(), USERS * PROFILES);
    (took, usize::try_from(governor.revision().0).unwrap())
}

/// Lets a driver write the checkpoint, as it does by itself; its size.
async fn keep(stores: &TenantStores) -> usize {
    #[derive(Debug)]
    struct Opened(TenantStores);
    #[async_trait::async_trait]
    impl mcp_govern_core::ports::Stores for Opened {
        async fn open(
            &self,
            _: &mcp_govern_core::TenantId,
        ) -> Result<TenantStores, mcp_govern_core::ports::StoreError> {
            Ok(self.0.clone())
        }
    }
    let (governor, driver) = Governor::builder(tenant()).with_stores(Opened(stores.clone())).open().await.unwrap();
    let driver = tokio::spawn(driver.run());
    let checkpoints = Arc::clone(stores.checkpoints.as_ref().unwrap());
    while checkpoints.newest(CHECKPOINT_FORM).await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    governor.close().await;
    driver.await.unwrap();
    checkpoints.latest(CHECKPOINT_FORM).await.unwrap().unwrap().bytes().len()
}

/// The commits, written in one transaction: one by one, each would wait for the disk.
async fn fill(path: &Path, journal: &dyn Journal) {
    let mut state = State::new();
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    let names: Vec<ProfileId> = (0..PROFILES).map(|number| format!("profile-{number}").parse().unwrap()).collect();
    for profile in &names {
        let spec = ProfileSpec::new(Label::new("A profile"));
        write(&mut connection, &mut state, Action::CreateProfile { profile: profile.clone(), spec }).await;
    }
    for user in 0..USERS {
        let user = UserId::new("https://login.example.com", format!("user-{user:06}@example.com")).unwrap();
        for profile in &names {
            // As long as those that a governor makes.
            let grant = GrantId::new(CommandId::random().unwrap().as_str()).unwrap();
            let grantee = Grantee::User(user.clone());
            let action = Action::GrantProfile { grant, profile: profile.clone(), grantee, until: None };
            write(&mut connection, &mut state, action).await;
        }
    }
    sqlx::query("UPDATE tenant SET revision = ?, hash = ?")
        .bind(i64::try_from(state.head().revision.0).unwrap())
        .bind(state.head().hash.as_bytes().as_slice())
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("COMMIT").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(journal.head().await.unwrap(), state.head());
}

async fn write(connection: &mut SqliteConnection, state: &mut State, action: Action) {
    let admin = Actor::new(UserId::new("https://login.example.com", "admin").unwrap(), [Role::Owner]);
    let command = Command::new(CommandId::random().unwrap(), action);
    let now = Timestamp::from_millis(1_795_000_000_000);
    let Decided::Events(events) = decide(state, &command, &admin, now).unwrap() else { panic!("nothing is new in it") };
    let commit = state.commit(&command, &admin, now, events);
    let stored = StoredCommit::seal(&commit).unwrap();
    state.apply_stored(&commit, stored.head());
    sqlx::query("INSERT INTO act (tenant, revision, hash, bytes) VALUES (1, ?, ?, ?)")
        .bind(i64::try_from(stored.revision().0).unwrap())
        .bind(stored.hash().as_bytes().as_slice())
        .bind(stored.bytes().to_vec())
        .execute(connection)
        .await
        .unwrap();
}

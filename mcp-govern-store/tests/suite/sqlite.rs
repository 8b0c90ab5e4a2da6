//! What can happen to a file.

use std::{path::Path, time::Duration};

use mcp_govern_core::{
    journal::{Head, Revision},
    ports::{AuditHead, StoreError, StoreErrorKind, Stores as _, TenantStores},
};
use mcp_govern_store::{IntegrityCheck, SqliteOptions, SqliteStores, VaultKeys};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    chains::{Chain, commit, grow, tenant, verified, whole_journal},
    site::{TIMEOUT, until},
};

fn options() -> SqliteOptions {
    SqliteOptions::new(VaultKeys::generate().unwrap()).with_timeout(TIMEOUT)
}

async fn open(path: &Path, options: SqliteOptions) -> (SqliteStores, TenantStores) {
    let stores = SqliteStores::open(path, options).await.unwrap();
    let tenant = stores.open(&tenant()).await.unwrap();
    (stores, tenant)
}

async fn refused(path: &Path, options: SqliteOptions) -> StoreError {
    SqliteStores::open(path, options).await.unwrap_err()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_file_was_closed_or_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut commits = 0;
    for closes in [true, false, true, false] {
        let (stores, tenant) = open(&path, options()).await;
        assert_eq!(whole_journal(&*tenant.journal).await.len(), commits);
        grow(&*tenant.journal, 5).await;
        commits += 5;
        let mut chain = Chain::new(&format!("w-{commits}"));
        chain.append(&*tenant.audit, 10, 1_000).await.unwrap();
        if closes {
            stores.close().await;
            let error = tenant.journal.head().await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(!folder.path().join("store.db-wal").exists(), "the log was folded into the file");
        }
    }
    let (stores, tenant) = open(&path, options()).await;
    assert_eq!(tenant.audit.writers().await.unwrap().len(), 4);
    for writer in tenant.audit.writers().await.unwrap() {
        assert!(verified(&*tenant.audit, &writer).await.is_intact());
    }
    stores.check().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (_stores, tenant) = open(&folder.path().join("store.db"), options()).await;
    grow(&*tenant.journal, 1).await;
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "the file, the log and its index");
    for file in files {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, ".repeat(600)).unwrap();
    let error = refused(&text, options()).await;
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("not a SQLite database") && error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "not a database, ".repeat(600));

    let other = folder.path().join("other.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", other.display())).await.unwrap();
    sqlx::query("CREATE TABLE mine (a)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = refused(&other, options()).await;
    assert!(error.kind() == StoreErrorKind::Corrupt && error.to_string().contains("another program"), "{error}");

    let error = refused(&folder.path().join("nowhere/store.db"), options()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_refused_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    open(&path, options()).await.0.close().await;
    change(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (7, 'newer', TRUE, x'00', 0)",
    )
    .await;
    let error = refused(&path, options()).await;
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("newer release"), "{error}");
}

async fn change(path: &Path, statement: &'static str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn two_that_make_the_same_file_at_once_both_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let opened = (0..6).map(|_| tokio::spawn(SqliteStores::open(path.clone(), options()))).collect::<Vec<_>>();
    for stores in opened {
        grow(&*stores.await.unwrap().unwrap().open(&tenant()).await.unwrap().journal, 1).await;
    }
    assert_eq!(whole_journal(&*open(&path, options()).await.1.journal).await.len(), 6);
}

#[tokio::test]
async fn a_damaged_page_is_found_before_or_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (stores, tenant) = open(&path, options()).await;
    grow(&*tenant.journal, 200).await;
    stores.close().await;
    let whole = std::fs::read(&path).unwrap();
    let mut found_on_reading = 0;
    for page in 1..whole.len() / 4096 {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xa5);
        std::fs::write(&path, &damaged).unwrap();
        let error = refused(&path, options().with_integrity_check(IntegrityCheck::Always)).await;
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "page {page}: {error}");
        found_on_reading += usize::from(reads_corrupt(&path).await);
    }
    assert!(found_on_reading > 5, "{found_on_reading} damaged pages were met");
    std::fs::write(&path, &whole[..whole.len() - 1_000]).unwrap();
    let torn = refused(&path, options().with_integrity_check(IntegrityCheck::Always)).await;
    assert_eq!(torn.kind(), StoreErrorKind::Corrupt);
    assert!(torn.to_string().contains("backup"), "{torn}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(whole_journal(&*open(&path, options()).await.1.journal).await.len(), 200);
}

/// Whether reading everything without looking for damage first meets it: as an error of its kind, never as other content.
async fn reads_corrupt(path: &Path) -> bool {
    let read = async {
        let stores = SqliteStores::open(path, options().with_integrity_check(IntegrityCheck::Never)).await?;
        let journal = stores.open(&tenant()).await?.journal;
        let mut after = Revision::ZERO;
        loop {
            match journal.read(after, 10).await?.last() {
                Some(commit) => after = commit.revision(),
                None => return Ok::<_, StoreError>(after),
            }
        }
    };
    match read.await {
        Ok(revision) => {
            assert_eq!(revision, Revision(200), "a part of the journal was taken for all of it");
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
            true
        }
    }
}

#[tokio::test]
async fn a_write_that_was_torn_by_a_crash_is_dropped_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (_stores, tenant) = open(&path, options()).await;
    let commits = grow(&*tenant.journal, 30).await;
    let (file, log) = (std::fs::read(&path).unwrap(), std::fs::read(folder.path().join("store.db-wal")).unwrap());
    // The next write, of which only a part reached the disk: the start of a frame, or a whole frame of other bytes.
    let frame = &log[32..32 + 24 + 4096];
    for tail in [&frame[..10], &frame[..3_000], frame, &[0xa5; 9_000]] {
        let crashed = tempfile::tempdir().unwrap();
        let copy = crashed.path().join("store.db");
        std::fs::write(&copy, &file).unwrap();
        std::fs::write(crashed.path().join("store.db-wal"), [&log, tail].concat()).unwrap();
        let (_stores, tenant) = open(&copy, options()).await;
        assert_eq!(whole_journal(&*tenant.journal).await, commits);
        grow(&*tenant.journal, 3).await;
    }
}

#[tokio::test]
async fn a_file_of_its_largest_size_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let chain = fill(&folder.path().join("store.db"), options().with_largest_size(400_000)).await;
    goes_on(&folder.path().join("store.db"), chain).await;
}

/// A small file system of its own, in a namespace where this process may mount one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    const DISK: &str = "MCP_GOVERN_SMALL_DISK";
    if let Some(disk) = std::env::var_os(DISK) {
        let chain = fill(&Path::new(&disk).join("store.db"), options()).await;
        // There is room again elsewhere.
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(disk).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        goes_on(&folder.path().join("store.db"), chain).await;
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=1m none \"$1\" || exit 42; exec env \"$2=$1\" \"$3\" --exact \"$4\"";
    let ran = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", mount, "sh"])
        .arg(disk.path())
        .arg(DISK)
        .arg(std::env::current_exe().unwrap())
        .arg("sqlite::a_full_disk_refuses_and_loses_nothing")
        .output();
    match ran {
        Ok(ran) if ran.status.success() => assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed")),
        Ok(ran) if ran.status.code() == Some(101) => panic!("{}", String::from_utf8_lossy(&ran.stdout)),
        _ => println!("SKIPPED: no file system can be mounted here, so a full disk was NOT tested"),
    }
}

/// Appends audit records until there is no room, and on; answers the chain as it was acknowledged.
async fn fill(path: &Path, options: SqliteOptions) -> Chain {
    let (stores, tenant) = open(path, options).await;
    let mut chain = Chain::new("w-1");
    let mut refusals = 0;
    while refusals < 3 {
        let kept = chain.head();
        let Err(error) = chain.append(&*tenant.audit, 50, 1_000).await else { continue };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(tenant.audit.head(&chain.writer()).await.unwrap(), kept, "nothing of it was done");
        // The records stay, and are tried again.
        chain = Chain::new("w-1");
        chain.next(usize::try_from(kept.sequence).unwrap(), 1_000);
        refusals += 1;
    }
    assert!(chain.head().sequence > 100);
    stores.close().await;
    chain
}

async fn goes_on(path: &Path, mut chain: Chain) {
    let (_stores, tenant) = open(path, options().with_integrity_check(IntegrityCheck::Always)).await;
    let found = verified(&*tenant.audit, &chain.writer()).await;
    assert!(found.is_intact() && found.head == chain.head(), "{found:?}");
    chain.append(&*tenant.audit, 50, 1_000).await.unwrap();
    assert_eq!(verified(&*tenant.audit, &chain.writer()).await.head, chain.head());
}

#[tokio::test]
async fn while_another_process_holds_the_file_reads_go_on_and_writes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (_stores, tenant) = open(&path, options()).await;
    let commits = grow(&*tenant.journal, 2).await;
    // Its writes are refused soon, and however long the machine takes for one, they are refused.
    let (_hasty, impatient) = until(async || {
        let stores = SqliteStores::open(&path, options().with_timeout(Duration::from_millis(50))).await.ok()?;
        let tenant = stores.open(&crate::chains::tenant()).await.ok()?;
        Some((stores, tenant))
    })
    .await;
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    for _ in 0..3 {
        let refused = impatient.journal.append(commits[1].head(), &commit(commits[1].head(), "late")).await;
        assert!(matches!(&refused, Err(error) if error.kind() == StoreErrorKind::Unavailable), "{refused:?}");
        assert_eq!(tenant.journal.read(Revision::ZERO, 10).await.unwrap(), commits);
    }
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    grow(&*tenant.journal, 1).await;
    assert_eq!(whole_journal(&*tenant.journal).await.len(), 3);
}

#[tokio::test]
async fn a_backup_is_a_store_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, tenant) = open(&folder.path().join("store.db"), options()).await;
    grow(&*tenant.journal, 20).await;
    let copy = folder.path().join("backup.db");
    let busy = grow(&*tenant.journal, 20);
    let (backup, _) = tokio::join!(stores.backup(&copy), busy);
    backup.unwrap();
    let refused = stores.backup(&copy).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "a file that is there is not written over");
    let (copied, restored) = open(&copy, options().with_integrity_check(IntegrityCheck::Always)).await;
    let length = whole_journal(&*restored.journal).await.len();
    assert!((20..=40).contains(&length), "{length}");
    copied.check().await.unwrap();
    grow(&*restored.journal, 1).await;
}

#[tokio::test]
async fn a_commit_that_contradicts_the_head_is_corrupt_and_not_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (_stores, tenant) = open(&path, options()).await;
    grow(&*tenant.journal, 2).await;
    change(&path, "UPDATE tenant SET revision = 0, hash = zeroblob(32)").await;
    let refused = tenant.journal.append(Head::EMPTY, &commit(Head::EMPTY, "again")).await;
    assert!(matches!(&refused, Err(error) if error.kind() == StoreErrorKind::Corrupt), "{refused:?}");
}

/// Root may write everywhere, so that as root the test runs itself again as somebody else.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_only_file_is_unavailable() {
    use std::os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    };
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        let test = "sqlite::a_read_only_file_is_unavailable";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let ran = again.args(["--exact", test]).current_dir("/").uid(65_534).gid(65_534).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("store.db");
    let (stores, tenant) = open(&path, options()).await;
    grow(&*tenant.journal, 3).await;
    stores.close().await;
    let allow = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    allow(&path, 0o400);
    allow(folder.path(), 0o500);
    let error = refused(&path, options()).await;
    allow(folder.path(), 0o700);
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    let error = refused(&path, options()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("read-only"), "{error}");
    allow(&path, 0o600);
    assert_eq!(whole_journal(&*open(&path, options()).await.1.journal).await.len(), 3);
}

#[tokio::test]
async fn the_room_of_a_file_is_what_its_disk_and_its_largest_size_leave() {
    const LARGEST: u64 = 400_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (stores, of_tenant) = open(&path, options()).await;
    let unbounded = of_tenant.space.unwrap().space().await.unwrap();
    assert!(unbounded.used > 0);
    assert!(cfg!(not(unix)) || unbounded.free.is_some_and(|free| free > 0), "{unbounded:?}");
    stores.close().await;

    let mut chain = fill(&path, options().with_largest_size(LARGEST)).await;
    let (_stores, of_tenant) = open(&path, options().with_largest_size(LARGEST)).await;
    let space = of_tenant.space.unwrap();
    let full = space.space().await.unwrap();
    let left = full.free.unwrap();
    assert!(left < LARGEST / 4 && full.used > unbounded.used && full.is_low(), "{full:?}");

    // Records that are dropped leave room for others, although the file stays as long as it is.
    let writer = chain.writer();
    let head = of_tenant.audit.head(&writer).await.unwrap();
    let half = of_tenant.audit.read(&writer, head.sequence / 2, 1).await.unwrap().remove(0);
    let through = AuditHead { sequence: half.sequence, hash: half.hash };
    of_tenant.audit.drop_through(&writer, through).await.unwrap();
    let found = space.space().await.unwrap();
    assert!(found.free.unwrap() > left + LARGEST / 4, "{left} and then {found:?}");
    chain.append(&*of_tenant.audit, 10, 1_000).await.unwrap();
}

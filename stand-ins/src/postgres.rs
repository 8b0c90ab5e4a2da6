//! Throw-away PostgreSQL clusters, for tests of what is kept in a database.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a cluster that cannot be had fails the test that asked for it: the type says so once"
)]

use std::{
    io::Write as _,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// A PostgreSQL server of its own, in a new folder, on a Unix socket there and under a user that is not root.
///
/// It stops and its folder goes when the process ends, in whatever way. What was committed may be lost with it: `fsync` is off
/// unless a setting says otherwise.
///
/// # Panics
///
/// Every method panics where PostgreSQL does not do what it is told: the test has failed.
#[derive(Debug)]
pub struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    /// Waits for this process to end and cleans up after it.
    _keeper: Child,
    databases: AtomicU32,
}

impl Cluster {
    /// The cluster that the tests of this process share; none where PostgreSQL is not installed.
    pub fn shared() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(|| Self::start(&[])).as_ref()
    }

    /// Makes and starts a cluster with these lines of configuration. `None`, said aloud, where PostgreSQL is not installed
    /// (no `initdb` in `PATH` or under `/usr/lib/postgresql`); where `CI=true` that is a failure.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "PostgreSQL is not installed");
            // Not printed: the harness would keep that to itself where the test passes.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: PostgreSQL is not installed (no `initdb`): nothing was tested on it"
            );
            return None;
        };
        let folder = folder();
        let user = unprivileged(&folder);
        let cluster = Self::new(binaries, folder, user);
        cluster.run("initdb", &["-A", "trust", "-U", "mcp", "-E", "UTF8", "--locale=C", "--no-sync", "-D", "data"]);
        cluster.configure(settings);
        cluster.pg_ctl(&["start"]);
        Some(cluster)
    }

    fn new(binaries: PathBuf, folder: PathBuf, user: Option<(u32, u32)>) -> Self {
        let mut keeper = Command::new("sh");
        keeper
            .arg("-c")
            .arg("read _; \"$0\" -D data -m immediate stop; cd /; rm -rf \"$1\"")
            .arg(binaries.join("pg_ctl"))
            .arg(&folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = user {
            keeper.uid(uid).gid(gid);
        }
        let keeper = keeper.spawn().unwrap();
        Self { binaries, folder, user, _keeper: keeper, databases: AtomicU32::new(0) }
    }

    fn configure(&self, settings: &[&str]) {
        let socket = format!("unix_socket_directories = '{}'", self.folder.display());
        let fixed = ["listen_addresses = ''", "max_connections = 200", "fsync = off", "shared_buffers = 16MB"];
        let lines: Vec<&str> = fixed.into_iter().chain([socket.as_str()]).chain(settings.iter().copied()).collect();
        let path = self.folder.join("data/postgresql.conf");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{before}\n{}\n", lines.join("\n"))).unwrap();
    }

    /// A second cluster that follows this one, not yet promoted. This one needs `wal_level = replica` and `max_wal_senders`.
    #[must_use]
    pub fn replica(&self) -> Self {
        let folder = folder();
        let user = unprivileged(&folder);
        let replica = Self::new(self.binaries.clone(), folder, user);
        replica
            .run("pg_basebackup", &["-h", self.host(), "-U", "mcp", "-D", "data", "-R", "-X", "stream", "-c", "fast"]);
        let auto = replica.folder.join("data/postgresql.auto.conf");
        let before = std::fs::read_to_string(&auto)
            .unwrap()
            .replace("primary_conninfo = '", "primary_conninfo = 'application_name=replica ");
        std::fs::write(auto, before).unwrap();
        replica.configure(&["synchronous_standby_names = ''"]);
        replica.pg_ctl(&["start"]);
        replica
    }

    /// Runs `pg_ctl` on the cluster and waits until it is done: `start`, `stop`, `promote`.
    pub fn pg_ctl(&self, arguments: &[&str]) {
        let common = ["-D", "data", "-w", "-s", "-l", "log"];
        self.run("pg_ctl", &[&common, arguments].concat());
    }

    /// A new database; its URL.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &["-h", self.host(), "-U", "mcp", &name]);
        self.url(&name)
    }

    /// The URL of a database of the cluster.
    pub fn url(&self, database: &str) -> String {
        let socket = self.host().replace('/', "%2F");
        format!("postgres://mcp@localhost/{database}?host={socket}&sslmode=disable")
    }

    /// Runs statements of SQL in a database, named by its URL.
    pub fn sql(&self, url: &str, statements: &str) {
        self.run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statements]);
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// The folder of the socket, which is where a client finds it.
    fn host(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.binaries.join(program));
        command.args(arguments).current_dir(&self.folder).env_remove("PGDATA");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        // Into files: a server that is started would keep a pipe open.
        let said = self.folder.join("said");
        let file = || std::fs::OpenOptions::new().create(true).append(true).open(&said).unwrap();
        let status = command.stdin(Stdio::null()).stdout(file()).stderr(file()).status().unwrap();
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {} {log}", std::fs::read_to_string(&said).unwrap());
    }
}

fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = || std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions().map(|version| version.path().join("bin")).collect();
    installed.sort();
    let found = std::env::split_paths(&path).chain(installed.into_iter().rev()).map(|folder| folder.join("initdb"));
    let initdb = found.filter_map(|initdb| initdb.canonicalize().ok()).find(|initdb| initdb.is_file())?;
    initdb.parent().map(Path::to_owned)
}

/// Short, because the path of a socket must be.
fn folder() -> PathBuf {
    tempfile::Builder::new().prefix("mg-pg-").tempdir_in("/tmp").unwrap().keep()
}

/// PostgreSQL does not run as root: then the folder is given to a user that is not.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?.skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let user: (u32, u32) = find("postgres").or_else(|| find("nobody")).unwrap();
    std::os::unix::fs::chown(folder, Some(user.0), Some(user.1)).unwrap();
    Some(user)
}

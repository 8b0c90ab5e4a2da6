-- The stores of all tenants in one file. Every table but `tenant`, `writer` and the parts of
-- checkpoints names the tenant of a row.

PRAGMA application_id = 0x6d676f76;

-- A tenant, and where its journal stands.
CREATE TABLE tenant (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL DEFAULT 0,
    hash BLOB NOT NULL DEFAULT (zeroblob(32))
) STRICT;

-- The journal: the exact bytes of every act.
CREATE TABLE act (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    revision INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (tenant, revision)
) STRICT;

-- Whoever writes a chain of audit records, and where the chain stands.
CREATE TABLE writer (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    hash BLOB NOT NULL DEFAULT (zeroblob(32)),
    UNIQUE (tenant, name)
) STRICT;

-- The audit of tool calls: the exact bytes of every record, and the columns that it is found by.
CREATE TABLE record (
    tenant INTEGER NOT NULL,
    writer INTEGER NOT NULL REFERENCES writer (id),
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    kind INTEGER NOT NULL,
    call TEXT NOT NULL,
    at INTEGER NOT NULL,
    person BLOB NOT NULL,
    server TEXT,
    tool TEXT,
    code TEXT,
    UNIQUE (writer, sequence)
) STRICT;

CREATE INDEX record_by_time ON record (tenant, at);
CREATE INDEX record_by_person ON record (tenant, person, at);
CREATE INDEX record_by_server ON record (tenant, server, at) WHERE server IS NOT NULL;
CREATE INDEX record_by_tool ON record (tenant, tool, at) WHERE tool IS NOT NULL;
CREATE INDEX record_by_code ON record (tenant, code, at) WHERE code IS NOT NULL;
CREATE INDEX record_by_call ON record (tenant, call);

-- The vault: the current credential of a key, and the one before it. Of a deleted one the version stays, without any
-- secret: whoever saw the old one (a refresh under way) does not overwrite the next one.
CREATE TABLE credential (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    server TEXT NOT NULL,
    owner TEXT NOT NULL,
    origin TEXT NOT NULL,
    version INTEGER NOT NULL,
    sealed_with TEXT,
    sealed BLOB,
    previous_sealed_with TEXT,
    previous_sealed BLOB,
    UNIQUE (tenant, server, owner, origin)
) STRICT;

-- Values that are taken once, under the hash of their key.
CREATE TABLE one_time (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    key BLOB NOT NULL,
    sealed_with TEXT NOT NULL,
    sealed BLOB NOT NULL,
    ends INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_by_end ON one_time (ends);

-- Work that one node at a time does.
CREATE TABLE lease (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    holder BLOB NOT NULL,
    ends INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- The state after an act, in sealed parts.
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    form INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    hash BLOB NOT NULL,
    parts INTEGER NOT NULL,
    UNIQUE (tenant, form, revision)
) STRICT;

CREATE TABLE checkpoint_part (
    checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    sealed_with TEXT NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (checkpoint, part)
) STRICT;

-- The stores of all tenants. Every table but `tenant`, `writer` and the parts of checkpoints names the tenant of a row.

-- The time in milliseconds since 1970: the one given, else that of the database, which is the same for every node.
CREATE FUNCTION millis(given BIGINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(given, (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT)
$$;

-- A tenant, and where its journal stands.
CREATE TABLE tenant (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision BIGINT NOT NULL DEFAULT 0,
    hash BYTEA NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

-- The journal: the exact bytes of every act.
CREATE TABLE act (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    revision BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    UNIQUE (tenant, revision)
);

-- Whoever writes a chain of audit records, and where the chain stands.
CREATE TABLE writer (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    sequence BIGINT NOT NULL DEFAULT 0,
    hash BYTEA NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    UNIQUE (tenant, name)
);

-- The audit of tool calls: the exact bytes of every record, and the columns that it is found by.
CREATE TABLE record (
    tenant BIGINT NOT NULL,
    writer BIGINT NOT NULL REFERENCES writer (id),
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    kind SMALLINT NOT NULL,
    call TEXT NOT NULL,
    at BIGINT NOT NULL,
    person BYTEA NOT NULL,
    server TEXT,
    tool TEXT,
    code TEXT,
    UNIQUE (writer, sequence)
);

CREATE INDEX record_by_time ON record (tenant, at);
CREATE INDEX record_by_person ON record (tenant, person, at);
CREATE INDEX record_by_server ON record (tenant, server, at) WHERE server IS NOT NULL;
CREATE INDEX record_by_tool ON record (tenant, tool, at) WHERE tool IS NOT NULL;
CREATE INDEX record_by_code ON record (tenant, code, at) WHERE code IS NOT NULL;
CREATE INDEX record_by_call ON record (tenant, call);

-- The vault: the current credential of a key, and the one before it. Of a deleted one the version stays, without any
-- secret: whoever saw the old one (a refresh under way) does not overwrite the next one.
CREATE TABLE credential (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    server TEXT NOT NULL,
    owner TEXT NOT NULL,
    origin TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed_with TEXT,
    sealed BYTEA,
    previous_sealed_with TEXT,
    previous_sealed BYTEA,
    UNIQUE (tenant, server, owner, origin)
);

-- Values that are taken once, under the hash of their key.
CREATE TABLE one_time (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    key BYTEA NOT NULL,
    sealed_with TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX one_time_by_end ON one_time (ends);

-- Work that one node at a time does.
CREATE TABLE lease (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    holder BYTEA NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- The state after an act, in sealed parts.
CREATE TABLE checkpoint (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    form BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    parts BIGINT NOT NULL,
    UNIQUE (tenant, form, revision)
);

CREATE TABLE checkpoint_part (
    checkpoint BIGINT NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
    part BIGINT NOT NULL,
    sealed_with TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    UNIQUE (checkpoint, part)
);

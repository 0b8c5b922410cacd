-- Where each job's schedule stands.
CREATE TABLE jobs (
    job         TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,          -- of its schedule: a change sets a new baseline
    cursor      INTEGER NOT NULL        -- the last occurrence dealt with, or the baseline
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    run_id      TEXT PRIMARY KEY,
    job         TEXT NOT NULL,
    account     TEXT NOT NULL,
    trigger     TEXT NOT NULL,
    occurrence  INTEGER,                -- NULL for a manual trigger
    due_at      INTEGER,                -- the occurrence with its jitter
    state       TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    missed      INTEGER,                -- how many occurrences a missed run stands for
    reason      TEXT,                   -- why a person triggered it
    pending     INTEGER NOT NULL,       -- targets without an outcome
    owner       TEXT,                   -- the process that works on it, while it is running
    UNIQUE (job, occurrence)            -- an occurrence is claimed once, ever
) STRICT;
CREATE INDEX runs_by_time ON runs (recorded_at);
CREATE INDEX runs_running ON runs (state) WHERE state = 'running';

CREATE TABLE targets (
    run_id      TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    backup      TEXT NOT NULL,
    outcome     TEXT,
    verified    INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    http_status INTEGER,
    code        TEXT,
    message     TEXT,
    reason      TEXT,
    hint        TEXT,
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    run_id      TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    sent_at     INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL,
    http_status INTEGER,
    code        TEXT,
    message     TEXT,
    PRIMARY KEY (run_id, position, attempt)
) STRICT, WITHOUT ROWID;

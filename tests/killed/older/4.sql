-- Recurring schedules that a cancel has ended, or is about to end: they are owed until they are put back.
CREATE TABLE restores (
    restore_id     TEXT PRIMARY KEY,
    account        TEXT NOT NULL,
    job            TEXT NOT NULL,           -- whose cancel was the first
    backup         TEXT NOT NULL,           -- what was scheduled before it
    rrule          TEXT NOT NULL,
    status         TEXT,
    scheduled_date TEXT,
    start_date     TEXT,
    requester      TEXT,
    owed_since     INTEGER NOT NULL,
    due            INTEGER NOT NULL,
    state          TEXT NOT NULL,
    confirmed      INTEGER NOT NULL,        -- whether a cancel has ended it, or may have
    changes        INTEGER NOT NULL,        -- counts the cancels: a payment that one comes into does not count
    tries          INTEGER NOT NULL DEFAULT 0,
    next_try       INTEGER,
    reason         TEXT,
    restored       TEXT,                    -- under which ID it was put back
    place          INTEGER,                 -- among those that were, in the order of payment
    ended_at       INTEGER,
    reminded_at    INTEGER,
    owner          TEXT                     -- the process that is paying it
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX restores_owed ON restores (account) WHERE state = 'owed';
CREATE UNIQUE INDEX restores_by_place ON restores (place) WHERE place IS NOT NULL;
-- What was cancelled besides, while a debt was owed.
CREATE TABLE restores_also (
    restore_id     TEXT NOT NULL REFERENCES restores ON DELETE CASCADE,
    backup         TEXT NOT NULL,
    rrule          TEXT NOT NULL,
    status         TEXT,
    scheduled_date TEXT,
    start_date     TEXT,
    requester      TEXT,
    run_id         TEXT NOT NULL,           -- whose cancel it was
    PRIMARY KEY (restore_id, backup)
) STRICT, WITHOUT ROWID;
-- The debt that the run makes, or adds to.
ALTER TABLE runs ADD COLUMN restore_id TEXT;
CREATE INDEX runs_by_restore ON runs (restore_id) WHERE restore_id IS NOT NULL;

-- Windows in which a job was due, and which are held since.
CREATE TABLE holds (
    job            TEXT PRIMARY KEY,
    account        TEXT NOT NULL,
    since          INTEGER NOT NULL,
    closes         INTEGER NOT NULL,
    next_poll      INTEGER NOT NULL,
    was_quiet      INTEGER NOT NULL,
    drift          TEXT,
    failures       INTEGER NOT NULL,
    acts           INTEGER NOT NULL,
    act_after      INTEGER
) STRICT, WITHOUT ROWID;

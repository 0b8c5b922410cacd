-- Jobs that a person has put out of action for a while.
CREATE TABLE pauses (
    job         TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    reason      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

    -- When the job's file was first found absent; it may only be on the move.
    ALTER TABLE jobs ADD COLUMN absent_since INTEGER;
    CREATE INDEX runs_by_job ON runs (job, run_id);

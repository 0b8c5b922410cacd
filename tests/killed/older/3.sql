-- Whether it is settled that the run acts: what is taken up after that does not ask its conditions again.
ALTER TABLE runs ADD COLUMN decided INTEGER NOT NULL DEFAULT 1;
-- Whether the run's cancels are read back before it ends.
ALTER TABLE runs ADD COLUMN verify INTEGER NOT NULL DEFAULT 0;

-- What Zoho last showed of each account.
CREATE TABLE live (
    account        TEXT PRIMARY KEY,
    read_at        INTEGER NOT NULL,
    backup         TEXT,
    status         TEXT,
    rrule          TEXT,
    scheduled_date TEXT,                -- with the offset that Zoho gave
    start_date     TEXT,
    requester      TEXT
) STRICT, WITHOUT ROWID;

/** The tables of `queue.sqlite`. Append steps only (database.ts). */
export const QUEUE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE entry (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     delivery_id TEXT NOT NULL UNIQUE,
     reverse_path TEXT,              -- JSON Address; NULL is the null reverse-path
     body_type TEXT NOT NULL,
     smtputf8 INTEGER NOT NULL,
     envelope_id TEXT,
     ret TEXT,
     arrived_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     held INTEGER NOT NULL DEFAULT 0,
     size INTEGER NOT NULL,
     in_file INTEGER NOT NULL,       -- the content is the file queue/ID, else the row in content
     next_due INTEGER NOT NULL       -- the least next_attempt_at of the pending recipients
   );
   -- What is due is found without looking at what is not.
   CREATE INDEX entry_due ON entry (next_due) WHERE held = 0;
   CREATE TABLE content (seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
   CREATE TABLE recipient (
     seq INTEGER NOT NULL,
     idx INTEGER NOT NULL,
     path TEXT NOT NULL,             -- JSON ForwardPath
     state TEXT NOT NULL,
     attempts INTEGER NOT NULL,
     next_attempt_at INTEGER NOT NULL,
     last_attempt_at INTEGER,
     last_reply TEXT,                -- JSON Reply
     remote_mta TEXT,
     delay_notified_at INTEGER,
     PRIMARY KEY (seq, idx)
   ) WITHOUT ROWID;
   -- Delivery ids of entries that ended, so that a repeat is recognised (STORE.md §2).
   CREATE TABLE finished (delivery_id TEXT PRIMARY KEY, id TEXT NOT NULL, ended_at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX finished_age ON finished (ended_at);`,
];

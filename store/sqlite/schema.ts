/**
 * The tables of a shard (STORE.md §1). Everything is keyed by account first, by the account's number in this shard (never
 * used again, never seen outside), so that an account's rows lie together; bodies alone are shared. Narrow tables carry
 * their key as the row (WITHOUT ROWID); wide ones have an integer key, because there it costs less.
 *
 * - `messages.k` is account × 2^32 + message number. `head` and `columns` are packed by `pack.ts`, each with its CRC.
 * - `placements` has no index by modseq: it would make a STORE of a whole mailbox eight times dearer. What changed since a
 *   modseq is read from `changes`.
 * - `expunged` keeps placements that went for the undelete time; `purge` names them in the order in which they went.
 * - `tombstones` and `changes` live longer; `groups` is the shard's commit sequence and the order in which commit ids expire.
 */
export const SCHEMA: readonly string[] = [
  `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE,                       -- NULL once deleted, until the rows are gone
  modseq INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL,
  used_messages INTEGER NOT NULL,
  quota_bytes INTEGER,
  uid_validity INTEGER NOT NULL,        -- the last one handed out
  next_message INTEGER NOT NULL,
  next_mailbox INTEGER NOT NULL,
  next_flag_set INTEGER NOT NULL,
  next_outbox INTEGER NOT NULL,
  log_floor INTEGER NOT NULL            -- changes of this modseq and below are gone
) STRICT;

CREATE TABLE mailboxes (
  account INTEGER NOT NULL,
  n INTEGER NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT,
  uid_validity INTEGER NOT NULL,
  uid_next INTEGER NOT NULL,
  highest_modseq INTEGER NOT NULL,
  created_modseq INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  unseen INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  size INTEGER NOT NULL,
  tombstone_floor INTEGER NOT NULL,
  PRIMARY KEY (account, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE removed_mailboxes (
  account INTEGER NOT NULL, id TEXT NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- The greatest UIDVALIDITY that a name ever had.
CREATE TABLE mailbox_names (
  account INTEGER NOT NULL, name TEXT NOT NULL, uid_validity INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
  account INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE flag_sets (
  account INTEGER NOT NULL, n INTEGER NOT NULL, flags TEXT NOT NULL,   -- separated by spaces
  PRIMARY KEY (account, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE keywords (
  account INTEGER NOT NULL, key TEXT NOT NULL, flag TEXT NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  k INTEGER PRIMARY KEY,
  head BLOB NOT NULL,
  columns BLOB NOT NULL
) STRICT;

CREATE TABLE message_ids (
  account INTEGER NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_keys (
  account INTEGER NOT NULL, key TEXT NOT NULL, thread TEXT NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE placements (
  account INTEGER NOT NULL,
  mailbox INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  message INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  size INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX placements_message ON placements (account, message);

CREATE TABLE expunged (
  account INTEGER NOT NULL,
  mailbox INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  message INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  size INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX expunged_message ON expunged (account, message);

CREATE TABLE purge (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uids TEXT NOT NULL
) STRICT;

CREATE TABLE tombstones (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, at INTEGER NOT NULL, uids TEXT NOT NULL,
  PRIMARY KEY (account, mailbox, modseq)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
  account INTEGER NOT NULL, modseq INTEGER NOT NULL, at INTEGER NOT NULL, records TEXT NOT NULL,
  PRIMARY KEY (account, modseq)
) STRICT, WITHOUT ROWID;

CREATE TABLE commits (
  account INTEGER NOT NULL, id TEXT NOT NULL, answer TEXT NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, commits TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
  account INTEGER NOT NULL,
  n INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  not_before INTEGER,
  PRIMARY KEY (account, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE bodies (
  id TEXT PRIMARY KEY,
  refs INTEGER NOT NULL,
  length INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  codec TEXT NOT NULL,
  key_id TEXT,
  stored_at INTEGER NOT NULL,
  data INTEGER,                         -- body_data.n, or else:
  segment TEXT,
  position INTEGER,
  chunks BLOB                           -- a CRC-32 for each chunk of the segment's
) STRICT, WITHOUT ROWID;
CREATE INDEX bodies_unused ON bodies (stored_at) WHERE refs = 0;

CREATE TABLE body_data (n INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL) STRICT;

CREATE TABLE segments (
  id TEXT PRIMARY KEY,
  registered_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,               -- of bodies ever put there
  dead INTEGER NOT NULL                 -- of those, collected since
) STRICT, WITHOUT ROWID;
`,
];

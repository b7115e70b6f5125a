/** Files of these versions can't be opened. */
export const UNRELEASED = 1;

/**
 * The tables of a shard (STORE.md §1). What a mailbox is made of is keyed by account first, by the account's number in this
 * shard (never used again, never seen outside), so that an account's rows lie together. What a delivery writes most of,
 * `messages`, `bodies` and `groups`, is in the order of its coming instead: those pages are filled once, by many
 * deliveries each. Narrow tables carry their key as the row (WITHOUT ROWID); wide ones have an integer key, because there it costs less.
 *
 * - `messages.head` and `columns` are packed by `pack.ts`, each with its CRC. `mailbox` and `uid` are those of the message's
 *   first placement; all others stand in `more`. So a message can be followed to its placements without an index of them all.
 * - `placements` has no index by modseq: it would make a STORE of a whole mailbox eight times dearer. What changed since a
 *   modseq is read from `changes`. An account's modseq is the last of its `changes`, or `log_floor`.
 * - `expunged` keeps placements that went for the undelete time, with the modseq at which they went; `purge` names them in the order in which
 *   they went.
 * - `tombstones` and `changes` live longer; `groups` is the shard's commit sequence: what was answered, the order in which commit
 *   ids expire, and what is not yet in `lookups` (lookups.ts).
 */
export const SCHEMA: readonly string[] = [
  'SELECT 1', // a layout that was never released
  `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE,                       -- NULL once deleted, until the rows are gone
  quota_bytes INTEGER,
  uid_validity INTEGER NOT NULL,        -- the last one handed out
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
  account INTEGER NOT NULL,
  mailbox INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  head BLOB NOT NULL,
  columns BLOB NOT NULL
) STRICT;

CREATE TABLE more (
  message INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL,
  PRIMARY KEY (message, mailbox, uid)
) STRICT, WITHOUT ROWID;

-- Ids of commits (the group), ids of messages (the key) and what makes a thread (the thread's id), each by a hash.
CREATE TABLE lookups (
  account INTEGER NOT NULL, hash INTEGER NOT NULL, value ANY NOT NULL,
  PRIMARY KEY (account, hash, value)
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

CREATE TABLE groups (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, commits TEXT NOT NULL) STRICT;

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
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  refs INTEGER NOT NULL,
  length INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  codec TEXT NOT NULL,
  key_id TEXT,
  stored_at INTEGER NOT NULL,
  segment TEXT,                         -- NULL for a small body, which is in data
  position INTEGER,
  chunks BLOB,                          -- a CRC-32 for each chunk of the segment's
  data BLOB
) STRICT;
CREATE INDEX bodies_staged ON bodies (id) WHERE segment IS NOT NULL;
CREATE INDEX bodies_unused ON bodies (stored_at) WHERE refs = 0;
CREATE INDEX bodies_segment ON bodies (segment) WHERE segment IS NOT NULL;

CREATE TABLE segments (
  id TEXT PRIMARY KEY,
  registered_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,               -- of bodies ever put there
  dead INTEGER NOT NULL,                -- of those, collected or moved since
  emptied_at INTEGER                    -- when nothing in it was referred to any more
) STRICT, WITHOUT ROWID;
`,
  // Derived, made by the writer while it has time: packs/.
  `
CREATE TABLE packs (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, block INTEGER NOT NULL, kind TEXT NOT NULL,
  crc INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY (account, mailbox, block, kind)
) STRICT;

-- Blocks up to this one are packed, or were not worth it.
CREATE TABLE packed (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, blocks INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, crc INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY (account, mailbox)
) STRICT;
`,
  // Changes of flags that are not in the rows yet: later-flags.ts.
  `
CREATE TABLE later_flags (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  sets TEXT NOT NULL,                   -- [[set of the row, set that it became, modseq], …]
  PRIMARY KEY (account, mailbox, first)
) STRICT, WITHOUT ROWID;
`,
  // Blocks got a column more (packs/threads.ts): they are made anew.
  'DELETE FROM packs; DELETE FROM packed;',
  // What is neither mail nor mailbox, in the order in which it is listed.
  `
CREATE TABLE records (
  account INTEGER NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL, id TEXT NOT NULL, modseq INTEGER NOT NULL,
  expires_at INTEGER, value TEXT NOT NULL,
  PRIMARY KEY (account, kind, created, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_id ON records (account, kind, id);
CREATE INDEX records_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
`,
  // Messages that are longer when they are sent as lines, and by how many octets. Those from before are not known.
  `
CREATE TABLE growth (
  account INTEGER NOT NULL, message INTEGER NOT NULL, octets INTEGER NOT NULL,
  PRIMARY KEY (account, message)
) STRICT, WITHOUT ROWID;
`,
  // What an account has that can be restored, and what a removed mailbox was called as long as something of it can.
  `
CREATE INDEX purge_account ON purge (account);
CREATE TABLE emptied_mailboxes (
  account INTEGER NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (account, n)
) STRICT, WITHOUT ROWID;
`,
];

/**
 * Every figure that is published, once: its kind, what it says, its labels. `docs/metrics.md` is made from here. Names follow Prometheus'
 * conventions: base units, `_total` for what only grows. A label has few values, and never one that a stranger chooses.
 */

export interface Declared {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** What the values of each label are. */
  readonly labels?: { readonly [label: string]: string };
  /** Upper bounds of a histogram's buckets, ascending; +Inf is added. */
  readonly buckets?: readonly number[];
  /** The supervisor adds `program`, or `program` and `worker`; other figures are summed over all processes. */
  readonly scope?: 'program' | 'worker';
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

const listener =
  'the protocol, as `[listeners]` in config/reference.md names it: `smtp`, `submission`, `submissions`, `imap`, `imaps`, `pop3` …';
const reason =
  'the subject of the enhanced status code (RFC 3463 §3): `address`, `mailbox`, `system`, `network`, `protocol`, `content`, `policy`, `other`, or `none`';
const program = '`mta`, `mda` or `imap-gateway`';
const shard = 'number of the shard';

export const DECLARED = {
  connections_total: {
    type: 'counter',
    help: 'Connections that were accepted.',
    labels: {
      listener: `${listener}; and the inner Unix sockets \`lmtp-unix\`, \`submission-unix\`, \`queue\`, \`directory\`, \`store-0\` …`,
    },
  },
  connections_turned_away_total: {
    type: 'counter',
    help: 'Connections that were closed by the supervisor because no worker took them in time, or too many waited.',
    labels: { listener },
  },
  connections_waiting: { type: 'gauge', help: 'Accepted connections that wait for a worker.', labels: { program } },
  connection_bytes_total: {
    type: 'counter',
    help: 'Octets over accepted connections, those of TLS included.',
    labels: { listener, direction: '`in` or `out`' },
  },
  sessions: {
    type: 'gauge',
    help: 'Live sessions.',
    labels: { protocol: listener, state: '`anonymous` or `authenticated`' },
  },
  logins_total: {
    type: 'counter',
    help: 'Attempts to log in. `refused`: too many had failed before, so no secret was looked at; `trouble`: it could not be checked.',
    labels: { program: '`mta` or `imap-gateway`', result: '`ok`, `failed`, `refused`, `trouble`' },
  },
  limit_hits_total: {
    type: 'counter',
    help: 'How often a limit turned somebody away.',
    labels: { program: '`mta` or `imap-gateway`', limit: '`connections`, `messages`, `requests`' },
  },
  smtp_replies_total: {
    type: 'counter',
    help: 'Replies to SMTP commands of others.',
    labels: {
      listener,
      command: 'a verb that we know, or `unknown`',
      outcome: '`ok` (2xx, 3xx), `deferred` (4xx), `refused` (5xx)',
      reason: `${reason} (of what is \`ok\`)`,
    },
  },
  smtp_messages_total: {
    type: 'counter',
    help: 'Messages that were read whole and passed every check of their content, by the reply to them. What is refused before is among the replies.',
    labels: { listener, outcome: '`accepted`, `deferred`, `refused`', reason: `${reason} (of what is accepted)` },
  },
  smtp_message_bytes_total: { type: 'counter', help: 'Octets of accepted messages.', labels: { listener } },
  handover_seconds: {
    type: 'histogram',
    help: 'From the end of a message to the MDA’s answer by LMTP for its last recipient, while its sender waits.',
    labels: { outcome: '`delivered`, `refused`, `queued` (not all recipients were taken alike, or not in time)' },
    buckets: SECONDS,
  },
  lmtp_recipients_total: {
    type: 'counter',
    help: 'Recipients that the MDA answered for.',
    labels: { outcome: '`delivered`, `deferred`, `refused`', reason: `${reason} (of what is delivered)` },
  },
  queue_entries_total: { type: 'counter', help: 'Messages that entered the queue, reports of ours among them.' },
  queue_recipients_total: {
    type: 'counter',
    help: 'What came of attempts to deliver from the queue, a recipient each.',
    labels: {
      verdict: '`relayed`, `delivered` (by LMTP), `deferred`, `failed`, `expired`',
      reason: `${reason}; \`none\` where there was no reply`,
    },
  },
  queue_reports_total: {
    type: 'counter',
    help: 'Delivery status notifications that attempts from the queue led to: bounces, delay notices, reports of success.',
  },
  queue_messages: { type: 'gauge', help: 'Messages in the queue.' },
  queue_recipients: { type: 'gauge', help: 'Pending recipients in the queue.' },
  queue_oldest_seconds: { type: 'gauge', help: 'Age of the oldest message in the queue; 0 when it is empty.' },
  store_commits_total: {
    type: 'counter',
    help: 'Commits of mailbox data that were answered.',
    labels: { shard, outcome: '`ok`, `refused` (a precondition failed), `failed`' },
  },
  store_groups_total: {
    type: 'counter',
    help: 'Groups that were written. Each is one transaction under one sync, so this is the number of syncs of the databases too.',
    labels: { shard },
  },
  store_commit_seconds: {
    type: 'histogram',
    help: 'From a commit’s arrival at the shard’s writer to its durable answer.',
    labels: { shard },
    buckets: SECONDS,
  },
  store_writer: {
    type: 'gauge',
    help: '1 where a writer of the shard is open. The sum is 0 while it changes hands.',
    labels: { shard },
  },
  store_database_bytes: { type: 'gauge', help: 'Size of the shard’s database.', labels: { shard } },
  store_wal_bytes: {
    type: 'gauge',
    help: 'Size of the file of the shard’s write-ahead log. Begins anew within its file, so this is its high water.',
    labels: { shard },
  },
  store_segments: { type: 'gauge', help: 'Files of large bodies.', labels: { shard } },
  store_segment_bytes: { type: 'gauge', help: 'Octets in files of large bodies.', labels: { shard } },
  imap_commands_total: {
    type: 'counter',
    help: 'IMAP commands that were answered.',
    labels: { command: 'a command that we know, or `unknown`', result: '`ok`, `no`, `bad`' },
  },
  imap_command_seconds: {
    type: 'histogram',
    help: 'From a whole IMAP command to its tagged answer, IDLE excepted.',
    buckets: SECONDS,
  },
  http_requests_total: {
    type: 'counter',
    help: 'HTTP requests on the listeners http and https, by what became of them.',
    labels: {
      handler: '`rest`, `setup`, `pages`; `none` where nobody answers for the path, or only over https',
      status: '`1xx`, `2xx`, `3xx`, `4xx`, `5xx`; `gone` where the client left before the end of the answer',
    },
  },
  http_request_seconds: {
    type: 'histogram',
    help: 'From the head of an HTTP request to the end of its answer.',
    buckets: SECONDS,
  },
  rest_requests_total: {
    type: 'counter',
    help: 'Requests to the REST interface.',
    labels: {
      operation: 'an `operationId` of docs/api.md, or `unknown`',
      outcome: '`ok`, `refused` (4xx), `failed` (5xx)',
    },
  },
  pop3_commands_total: {
    type: 'counter',
    help: 'POP3 commands that were answered.',
    labels: { command: 'a command that we know, or `unknown`', result: '`ok`, `err`' },
  },
  pop3_command_seconds: {
    type: 'histogram',
    help: 'From a whole POP3 command to the end of its answer, a slow reader’s time included.',
    buckets: SECONDS,
  },
  workers: {
    type: 'gauge',
    help: 'Processes of a program.',
    labels: { program, state: '`starting`, `ready`, `draining`' },
  },
  worker_exits_total: {
    type: 'counter',
    help: 'Processes that ended.',
    labels: { program, cause: '`drained` (as told) or `died`' },
  },
  disk_free_bytes: { type: 'gauge', help: 'Free on the file system of the data folder.' },
  disk_bytes: { type: 'gauge', help: 'Size of the file system of the data folder.' },
  process_cpu_seconds_total: {
    type: 'counter',
    help: 'CPU time, all threads. Restarts don’t set it back.',
    labels: { mode: '`user` or `system`' },
    scope: 'program',
  },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory that a process holds.', scope: 'worker' },
  process_start_time_seconds: { type: 'gauge', help: 'When a process started, in Unix time.', scope: 'worker' },
  event_loop_busy_seconds_total: {
    type: 'counter',
    help: 'Time in which the main thread had something to do. Its rate is 1 where it can do no more.',
    scope: 'program',
  },
  event_loop_lag_seconds: {
    type: 'histogram',
    help: 'How late a timer fired on the main thread, looked at once a second.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    scope: 'program',
  },
} as const satisfies { readonly [name: string]: Declared };

export const PREFIX = 'peerpost_';

export type MetricName = keyof typeof DECLARED;
export type NamesOf<T extends Declared['type']> = {
  [N in MetricName]: (typeof DECLARED)[N] extends { readonly type: T } ? N : never;
}[MetricName];
export type LabelsOf<N extends MetricName> = (typeof DECLARED)[N] extends { readonly labels: infer L }
  ? { readonly [K in keyof L]: string }
  : undefined;
/** Left out where a figure has no labels. */
export type LabelArguments<N extends MetricName> = LabelsOf<N> extends undefined ? [] : [labels: LabelsOf<N>];

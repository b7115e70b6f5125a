/** ID (RFC 2971): who the client is goes to the log only; behaviour never depends on it (§1). */
import { defineCommand, ok } from '../command.ts';
import { CLOSE, type Cursor, OPEN } from '../grammar/cursor.ts';

/** RFC 2971 §3.3: at most 30 pairs, names of 30 octets, values of 1024. */
const MAX_PAIRS = 30;
const MAX_NAME = 30;
const MAX_VALUE = 1_024;

export type IdArguments = Readonly<Record<string, string | null>>;

export const id = defineCommand({
  name: 'ID',
  allowedIn: ['not-authenticated', 'authenticated', 'selected'],
  capabilities: ['ID'],
  parse: parseId,
  run: async (client, context) => {
    context.log.info({ client: shown(client) }, 'client introduced itself');
    context.out.write('* ID ("name" "Peerpost")\r\n');
    return ok('ID completed');
  },
});

/** RFC 2971 §3.3. Its `command`, `arguments` and `environment`, and fields of one's own, may hold a password. */
const LOGGED = ['name', 'version', 'os', 'os-version', 'vendor', 'support-url'] as const;
const LOGGED_LENGTH = 100;

function shown(client: IdArguments): IdArguments {
  return Object.fromEntries(
    LOGGED.flatMap((field) => (client[field] == null ? [] : [[field, client[field].slice(0, LOGGED_LENGTH)]])),
  );
}

function parseId(cursor: Cursor): IdArguments {
  cursor.sp();
  const pairs: [string, string | null][] = [];
  if (!cursor.tryKeyword('NIL')) {
    cursor.expect(OPEN);
    while (!cursor.try(CLOSE)) {
      if (pairs.length > 0) cursor.sp();
      if (pairs.length === MAX_PAIRS) cursor.fail('too many fields');
      pairs.push(parsePair(cursor));
    }
  }
  cursor.end();
  return Object.fromEntries(pairs);
}

function parsePair(cursor: Cursor): [string, string | null] {
  const name = cursor.string().toString('latin1').toLowerCase();
  cursor.sp();
  const value = cursor.nstring();
  if (name.length > MAX_NAME || (value?.length ?? 0) > MAX_VALUE) cursor.fail('field too long');
  return [name, value === undefined ? null : value.toString('utf8')];
}

/** An LMTP server for dialogs: the real session and delivery over a memory store and a directory of a few addresses. */
import { formatAddress, parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { RECEIVER_DEFAULTS, receive } from '#runtime/smtp/receiver.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { FakeClock } from '#test/support/clock.ts';
import { silentLog } from '#test/support/log.ts';
import { connectionPair, type MemoryConnection } from '#test/support/memory-connection.ts';
import { fakeRandom } from '#test/support/random.ts';
import { Deliveries, type DeliveryRooms } from '../../../mda/deliver/deliver.ts';
import type { PassOn } from '../../../mda/deliver/onward.ts';
import { lmtpCommands } from '../../../mda/lmtp/commands.ts';

export interface LmtpRoomsOptions {
  /** Octets for each account. */
  readonly quota?: number;
  readonly recipients?: number;
  readonly messageSize?: number;
  /** Stands in front of the store, to fail or to look on. */
  readonly wrap?: (store: MailStore) => MailStore;
  readonly shardOf?: (account: AccountId) => Promise<number>;
}

export interface LmtpTestServer {
  readonly store: MailStore;
  readonly clock: FakeClock;
  /** Opens a session and answers the client's end. */
  connect(): { client: MemoryConnection; ended: Promise<void> };
  account(address: string): AccountId;
  /** Contents of a mailbox, oldest first. */
  messages(address: string, mailbox: string): Promise<string[]>;
  /** What our MTA got, for each recipient. */
  readonly passed: readonly PassedOn[];
}

export interface PassedOn {
  readonly from: string;
  readonly to: string;
  readonly content: string;
}

const LIMIT = 1_000_000;
/** Names of bob's that forward. */
const FORWARDS: { readonly [local: string]: string } = { giver: 'dave@beta.test', away: 'bob@far.test' };

/** Accounts bob and dave with INBOX, `lists` and `Lists/Node`; alias `all` to both, `out` to somebody elsewhere, `ring` in a circle. */
export async function lmtpTestServer(options: LmtpRoomsOptions = {}): Promise<LmtpTestServer> {
  const clock = new FakeClock();
  const random = fakeRandom();
  const memory = new MemoryStore({ clock, random });
  const ids = new Map<string, AccountId>();
  for (const name of ['bob@beta.test', 'dave@beta.test']) {
    const id = newId('account', random);
    ids.set(name, id);
    const mailboxes = ['lists', 'Lists/Node'].map((path) => ({ id: newId('mailbox', random), name: path }));
    const quota = options.quota === undefined ? [] : [{ type: 'set-quota' as const, bytes: options.quota }];
    const mutations = [{ type: 'create-account' as const, mailboxes }, ...quota];
    const answer = await memory.commit({ owner: id, actor: id, id: 'create', mutations });
    if (!answer.ok) throw new Error(answer.text);
  }
  const store = options.wrap?.(memory) ?? memory;
  const shardOf = options.shardOf ?? (() => Promise.resolve(0));
  const passed: PassedOn[] = [];
  const directory = fakeDirectory(ids);
  const rooms: DeliveryRooms = { store, directory, shardOf, clock, random, log: silentLog, passOn: fakeMta(passed) };
  const deliveries = new Deliveries(rooms);
  const limits = { messageSize: options.messageSize ?? LIMIT, recipients: options.recipients ?? 100 };
  return {
    store,
    clock,
    passed,
    connect() {
      const { client, server } = connectionPair({ clock, remote: 'unix' });
      const deliver = deliveries.open.bind(deliveries);
      const commands = lmtpCommands({ hostname: 'mda.test', directory, deliver, log: silentLog, limits }, server.id);
      const ended = receive({
        connection: server,
        commands,
        greeting: () => ({ code: 220, lines: ['mda.test LMTP Peerpost'] }),
        greetingPause: 0,
        limits: {
          ...RECEIVER_DEFAULTS,
          commandTimeout: 300_000,
          contentTimeout: 600_000,
          minimumRate: 0,
          messageSize: limits.messageSize,
          lineLength: 16_384,
        },
        clock,
        log: silentLog,
      });
      return { client, ended };
    },
    account: (address) => ids.get(address) as AccountId,
    messages: (address, mailbox) => contents(memory, ids.get(address) as AccountId, mailbox),
  };
}

/** Refuses `full`, has to do something else when it comes to `busy`. */
function fakeMta(passed: PassedOn[]): PassOn {
  return async ({ reversePath, paths, content }) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content()) chunks.push(chunk);
    const from = reversePath === null ? '<>' : formatAddress(reversePath);
    return paths.map(({ address }) => {
      if (address.localPart === 'away+busy') return { kind: 'lost', stage: 'final', error: new Error('gone') };
      if (address.localPart === 'away+full')
        return { kind: 'reply', stage: 'rcpt', reply: { code: 421, lines: ['4.3.2 Draining'] } };
      passed.push({ from, to: formatAddress(address), content: Buffer.concat(chunks).toString('latin1') });
      return { kind: 'reply', stage: 'final', reply: { code: 250, lines: ['2.0.0 Queued'] } };
    });
  };
}

function fakeDirectory(ids: ReadonlyMap<string, AccountId>): Directory {
  const aliases = new Map([
    ['all@beta.test', ['bob@beta.test', 'dave@beta.test']],
    ['out@beta.test', ['bob@beta.test', 'eve@elsewhere.test']],
    ['ring@beta.test', ['ring@beta.test']],
  ]);
  const lookup = async (address: Address): Promise<Lookup> => {
    if (address.domain !== 'beta.test') return { kind: 'foreign' };
    const name = formatAddress(address).toLowerCase();
    const targets = aliases.get(name);
    if (targets !== undefined) return { kind: 'alias', targets: targets.map((target) => parseAddress(target)) };
    const [local = '', ...details] = address.localPart.split('+');
    if (local === 'left') return { kind: 'moved', account: 'left', to: parseAddress('left@new.test'), how: 'reject' };
    const target = FORWARDS[local];
    const account = ids.get(target ? 'bob@beta.test' : `${local.toLowerCase()}@beta.test`);
    if (account === undefined) return { kind: 'unknown' };
    const forward = target ? { forward: { targets: [parseAddress(target)], keep: false } } : {};
    const detail = details.length === 0 ? {} : { detail: details.join('+') };
    return {
      kind: 'account',
      account,
      address: { localPart: local.toLowerCase(), domain: 'beta.test' },
      ...detail,
      ...forward,
    };
  };
  const isLocalDomain = async (domain: string): Promise<boolean> => domain === 'beta.test';
  return { lookup, isLocalDomain } as unknown as Directory;
}

async function contents(store: MailStore, account: AccountId, name: string): Promise<string[]> {
  const access = { owner: account, viewer: account };
  const { mailboxes } = await store.mailboxes(access);
  const mailbox = mailboxes.find((each) => each.name === name);
  if (mailbox === undefined) throw new Error(`no mailbox ${name}`);
  const found: string[] = [];
  for await (const rows of store.messages(access, mailbox.id, [[1, 0xffffffff]], {})) {
    for (const row of rows) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of store.content(access, mailbox.id, row.uid, 0, row.size)) chunks.push(chunk);
      found.push(Buffer.concat(chunks).toString('utf8'));
    }
  }
  return found;
}

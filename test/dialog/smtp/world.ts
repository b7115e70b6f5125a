/** A small world for dialogs with the SMTP server: two domains, a few people, and a sink that keeps what it is given. */
import type { Config } from '#config/config.ts';
import { parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { deriveScramKeys } from '#mail/sasl/scram.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Resolver } from '#runtime/dns/resolver.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import type { AcceptedMessage, MessageSink } from '../../../mta/message-sink.ts';
import type { Spool, SpoolFile } from '../../../mta/server/services.ts';

export const DOMAINS: readonly string[] = ['beta.test', 'gamma.test'];
const SUSPENDED = 'sue@beta.test';
const ACCOUNTS: readonly string[] = ['bob@beta.test', 'carol@beta.test', 'jörg@beta.test', SUSPENDED];
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'postmaster@beta.test': ['bob@beta.test'],
  'team@beta.test': ['bob@beta.test', 'carol@beta.test', 'dave@far.test', 'gone@beta.test'],
  'nested@beta.test': ['team@beta.test', 'BOB@beta.test'],
  'loop1@beta.test': ['loop2@beta.test'],
  'loop2@beta.test': ['loop1@beta.test'],
  'movers@beta.test': ['bob@beta.test', 'left@beta.test', 'moved@beta.test'],
};
/** Accounts that forward: with their own copy, without, to one another, to nobody. */
const FORWARDS: Readonly<Record<string, { readonly targets: readonly string[]; readonly keep: boolean }>> = {
  'keeper@beta.test': { targets: ['carol@beta.test', 'far@away.test'], keep: true },
  'giver@beta.test': { targets: ['far@away.test'], keep: false },
  'ping@beta.test': { targets: ['pong@beta.test'], keep: false },
  'pong@beta.test': { targets: ['ping@beta.test'], keep: false },
  'echo@beta.test': { targets: ['keeper@beta.test', 'echo2@beta.test'], keep: true },
  'echo2@beta.test': { targets: ['echo@beta.test'], keep: true },
  'nowhere@beta.test': { targets: ['gone@beta.test'], keep: false },
};
const MOVED: Readonly<Record<string, Lookup>> = {
  'left@beta.test': { kind: 'moved', account: 'left', to: parseAddress('left@new.test'), how: 'reject' },
  'moved@beta.test': { kind: 'moved', account: 'moved', to: parseAddress('moved@new.test'), how: 'forward' },
};
const APP_PASSWORD = 'bcdf-ghjk-mnpq-rstv';
export const PASSWORD = 'secret';

const PEER_SENDERS = { allow: ['good@evil.test'], block: ['.evil.test', 'spam@far.test'] };

export function fakeDirectory(): Directory {
  const unused = (): never => assertNever();
  return {
    lookup: async (address) => look(address),
    isLocalDomain: async (domain) => DOMAINS.includes(domain),
    async authenticate(login, password, use) {
      if (login === 'broken@beta.test') throw new MailError('unavailable', 'The directory is down');
      const app = password === APP_PASSWORD && use === 'smtp';
      if (!ACCOUNTS.includes(login) || !(app || password === PASSWORD)) return undefined;
      if (login === SUSPENDED) throw new MailError('not-permitted', 'The account is suspended');
      return { account: login, address: login, ...(app && { appPassword: 'p1' }) };
    },
    async scram(login) {
      const salt = Buffer.from('salt of a test');
      const known = ACCOUNTS.includes(login);
      const keys = await deriveScramKeys(known ? PASSWORD : 'nobody knows', salt, 4096);
      return { login: known ? { account: login, address: login } : undefined, salt, iterations: 4096, ...keys };
    },
    async account(id) {
      if (!ACCOUNTS.includes(id)) return undefined;
      const account = { id, address: id, shard: 0, createdAt: 0, state: 'active' as const };
      return id === SUSPENDED ? { ...account, suspended: true } : account;
    },
    accountNamed: async () => undefined,
    secret: unused,
    maySendAs: async (account, address) => `${address.localPart}@${address.domain}` === account,
    domains: async () => DOMAINS.map((name) => ({ name, createdAt: 0 })),
    accounts: unused,
    aliases: unused,
    appPasswords: unused,
    appPasswordKeys: unused,
    tokens: unused,
    token: unused,
    tokenById: unused,
    audit: unused,
    peerSenders: async () => PEER_SENDERS,
    dkimKeys: async () => [],
    secondFactor: unused,
    logins: unused,
    noteUse: () => undefined,
    noteLogin: () => undefined,
    change: unused,
    close: async () => undefined,
  };
}

function assertNever(): never {
  throw new Error('the SMTP server has no business here');
}

function look(address: Address): Lookup {
  if (address.localPart === 'trouble') throw new MailError('unavailable', 'The directory is down');
  if (address.localPart === 'fault') throw new TypeError('a fault of ours');
  if (!DOMAINS.includes(address.domain)) return { kind: 'foreign' };
  const [local = '', detail] = address.localPart.toLowerCase().split('+');
  const key = `${local}@${address.domain}`;
  const forward = FORWARDS[key];
  if (ACCOUNTS.includes(key) || forward !== undefined) {
    const found = { kind: 'account' as const, account: key, address: parseAddress(key) };
    const targets = forward?.targets.map((each) => parseAddress(each)) ?? [];
    return {
      ...found,
      ...(detail !== undefined && { detail }),
      ...(forward && { forward: { targets, keep: forward.keep } }),
    };
  }
  const moved = MOVED[key];
  if (moved !== undefined) return moved;
  const targets = ALIASES[key];
  return targets === undefined
    ? { kind: 'unknown' }
    : { kind: 'alias', targets: targets.map((each) => parseAddress(each)) };
}

export interface RememberingSink extends MessageSink {
  readonly messages: AcceptedMessage[];
}

/** Answers 250, unless the message is for somebody whose name says something else. */
export function rememberingSink(): RememberingSink {
  const messages: AcceptedMessage[] = [];
  return {
    messages,
    async accept(message): Promise<Reply> {
      messages.push(message);
      return reply(250, '0.0', `Queued as ${message.id}`);
    },
  };
}

export interface MemorySpool extends Spool {
  readonly size: number;
  file(path: string): Buffer;
}

/** Spool files in memory. */
export function memorySpool(): MemorySpool {
  const files = new Map<string, Uint8Array[]>();
  return {
    get size() {
      return files.size;
    },
    file: (path) => Buffer.concat(files.get(path) ?? []),
    async create(id): Promise<SpoolFile> {
      const path = `spool/${id}`;
      const chunks: Uint8Array[] = [];
      files.set(path, chunks);
      return {
        path,
        async write(chunk) {
          chunks.push(chunk);
        },
        close: async () => undefined,
        async remove() {
          files.delete(path);
        },
      };
    },
  };
}

const nothing = async () => ({ status: 'nodata' as const, records: [], authentic: false, ttl: 60 });
/** A DNS in which nobody has a name. */
export const noNames: Resolver = { mx: nothing, a: nothing, aaaa: nothing, txt: nothing, ptr: nothing };

/** What the server reads of the configuration. */
export function testConfig(limits: Record<string, number>): Config {
  return {
    hostname: 'mx.beta.test',
    login: { channelBinding: limits.channelBinding === 1, headerFrom: limits.headerFromAny === 1 ? 'any' : 'local' },
    limits: {
      messageSize: 1_000_000,
      lineLength: 16_384,
      recipients: 100,
      connectionsPerAddress: 10,
      messagesPerMinutePerAddress: 100,
      authFailuresPerMinute: 10,
      receivedFields: 100,
      minimumFree: 0,
      exemptNetworks: ['127.0.0.0/8'],
      commandTimeout: 300_000,
      contentTimeout: 3_600_000,
      minimumRate: 500,
      idleTimeout: 0,
      quota: 0,
      ...limits,
    },
  } as unknown as Config;
}

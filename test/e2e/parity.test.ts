/** What `peerpost` does is possible over REST and the reverse, and both say the same: every command beside its operation, and both asked on one peer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { Command } from 'commander';
import { Check, Errors } from 'typebox/value';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { SmtpWire } from '#test/support/wire.ts';
import type { Route } from '../../imap-gateway/rest/route.ts';
import { allRoutes } from '../../imap-gateway/rest/routes.ts';
import { commands } from '../../scripts/cli/main.ts';

/** Operations by command, or why there is none. */
const PARITY: { readonly [command: string]: readonly string[] | string } = {
  init: 'there is nothing to ask before it',
  run: 'it is what answers REST',
  restart: ['restartPrograms'],
  status: ['getStatus'],
  'domain add': ['addDomain'],
  'domain remove': ['removeDomain'],
  'domain alias': ['changeDomain'],
  'domain show': ['showDomain'],
  'domain rename': ['renameDomain'],
  'domain list': ['listDomains'],
  'domain dns': ['getDomainRecords'],
  'domain dkim add': ['addDkimKeys'],
  'domain dkim list': ['listDkimKeys'],
  'domain dkim check': ['checkDkimKeys'],
  'domain dkim set': ['changeDkimKey'],
  'domain dkim remove': ['removeDkimKey'],
  'account add': ['addAccount'],
  'account remove': ['removeAccount'],
  'account passwd': ['setAccountPassword', 'setPassword'],
  'account undelete': ['listAccountExpunged', 'restoreAccountExpunged', 'listExpunged', 'restoreExpunged'],
  'account list': ['listAccounts'],
  'account show': ['showAccount', 'getAccount'],
  'account suspend': ['changeAccount'],
  'account resume': ['changeAccount'],
  'account rename': ['changeAccount'],
  'account quota': ['changeAccount'],
  'account forward': ['changeAccount', 'setForward', 'removeForward'],
  'account moved': ['changeAccount'],
  'account admin': ['changeAccount'],
  'account autoreply': ['getAccountAutoreply', 'setAccountAutoreply', 'removeAccountAutoreply'],
  'account second-factor': ['getAccountSecondFactor', 'removeAccountSecondFactor'],
  'account filters': [
    'listAccountFilters',
    'setAccountFilters',
    'addAccountFilter',
    'getAccountFilter',
    'replaceAccountFilter',
    'changeAccountFilter',
    'removeAccountFilter',
    'tryAccountFilters',
  ],
  'account senders': ['getAccountSenders', 'setAccountSenders'],
  senders: ['getPeerSenders', 'setPeerSenders'],
  'account import': ['startImport', 'startOwnImport'],
  'account export': ['startExport', 'getArchive', 'startOwnExport', 'getOwnArchive'],
  'account restore': ['uploadArchive', 'startRestore', 'removeArchive'],
  'account move': ['startMove', 'startOwnMove'],
  'alias add': ['addAlias'],
  'alias remove': ['removeAlias'],
  'alias list': ['listAliases'],
  'address resolve': ['resolveAddress'],
  'app-password add': ['addAccountAppPassword'],
  'app-password list': ['listAccountAppPasswords'],
  'app-password remove': ['removeAccountAppPassword'],
  'token add': ['addAnyToken', 'addToken'],
  'token list': ['listAllTokens', 'listTokens'],
  'token remove': ['removeAnyToken', 'removeToken'],
  'mailbox list': ['listMailboxes'],
  'mailbox show': ['getMailbox'],
  'mailbox create': ['createMailbox'],
  'mailbox rename': ['updateMailbox'],
  'mailbox set': ['updateMailbox'],
  'mailbox remove': ['deleteMailbox'],
  'mailbox export': ['exportMail'],
  'message list': ['listMessages'],
  'message show': ['getMessage'],
  'message raw': ['getRawMessage'],
  'message part': ['getMessagePart', 'getAttachment'],
  'message add': ['importMessages'],
  'message flag': ['changeMessages', 'updateMessage'],
  'message move': ['changeMessages', 'updateMessage'],
  'message copy': ['changeMessages', 'updateMessage'],
  'message delete': ['changeMessages', 'deleteMessage'],
  'thread list': ['listThreads'],
  'thread show': ['getThread'],
  'draft list': ['listDrafts'],
  'draft show': ['getDraft'],
  'draft add': ['createDraft'],
  'draft replace': ['replaceDraft'],
  'draft remove': ['deleteDraft'],
  'draft send': ['sendDraft'],
  send: ['sendMessage'],
  'submission list': ['listSubmissions'],
  'submission show': ['getSubmission'],
  'submission cancel': ['cancelSubmission'],
  'webhook list': ['listWebhooks'],
  'webhook show': ['getWebhook'],
  'webhook add': ['createWebhook'],
  'webhook set': ['changeWebhook'],
  'webhook remove': ['deleteWebhook'],
  'webhook test': ['testWebhook'],
  'webhook deliveries': ['listWebhookDeliveries'],
  'queue list': ['listQueue'],
  'queue show': ['showQueued'],
  'queue retry': ['actOnQueue'],
  'queue hold': ['actOnQueue'],
  'queue release': ['actOnQueue'],
  'queue drop': ['actOnQueue'],
  'job list': ['listJobs', 'listOwnJobs'],
  'job show': ['showJob', 'showOwnJob'],
  'job cancel': ['cancelJob', 'cancelOwnJob'],
  'session list': ['listSessions'],
  'session disconnect': ['disconnectSessions'],
  'audit list': ['listAudit'],
  'login list': ['listLogins', 'listOwnLogins'],
  'settings export': ['exportSettings', 'getConfiguration'],
  'settings plan': ['planSettings', 'planConfiguration'],
  'settings apply': ['applySettings'],
  'client-setup': ['getClientSetup'],
};

/** Operations without a command. */
const REST_ALONE: { readonly [operation: string]: string } = {
  getMetrics: 'Prometheus asks; status has what people read',
  offerMove: 'the other side of account move',
  showMove: 'the other side of account move',
  changeMove: 'the other side of account move',
  takeMovedMessages: 'the other side of account move',
  activateMove: 'the other side of account move',
  offerSecondFactor: 'whoever has the device in his hand confirms it',
  enableSecondFactor: 'whoever has the device in his hand confirms it',
  renewRecoveryCodes: 'they are shown to whom the account belongs, alone',
  signIn: 'for pages: commands need no session',
  getSession: 'for pages: commands need no session',
  signOut: 'for pages: commands need no session',
  getClientSetupCode: 'client-setup shows the same code',
  getMessageHtml: 'for a frame of a page: message part writes the HTML as it is',
  streamEvents: 'for programs that stay connected',
  getLiveness: 'status says more',
  getReadiness: 'status says more',
  getOpenApi: '--help says what there is',
  getDocumentation: '--help says what there is',
  getDocumentationFile: '--help says what there is',
  getProblem: 'a command says what is wrong',
};

function leaves(command: Command, path = ''): string[] {
  return command.commands.flatMap((sub) => {
    const name = `${path} ${sub.name()}`.trim();
    return sub.commands.length > 0 ? leaves(sub, name) : [name];
  });
}

/** What an admin does to any account by command, everybody does to his own over REST: `/account/filters` beside `/admin/accounts/{id}/filters`. */
function adminsOwn({ method, path }: Route): Route | undefined {
  const rest = path.replace('/api/v1/', '').replace(/^account\//, '');
  const wanted = nameless(`/api/v1/admin/accounts/{id}/${rest}`);
  return allRoutes.find((route) => route.method === method && nameless(route.path) === wanted);
}

const nameless = (path: string): string => path.replaceAll(/\{\w+\}/g, '{}');

test('every command has its operation, and every operation its command', () => {
  assert.deepEqual(leaves(commands()).sort(), Object.keys(PARITY).sort());
  const known = allRoutes.map(({ operationId }) => operationId);
  const mapped = Object.values(PARITY).flatMap((operations) => (typeof operations === 'string' ? [] : operations));
  assert.deepEqual(
    [...mapped, ...Object.keys(REST_ALONE)].filter((operation) => !known.includes(operation)),
    [],
  );
  const covered = ({ operationId }: Route): boolean =>
    mapped.includes(operationId) || REST_ALONE[operationId] !== undefined;
  const alone = allRoutes
    .filter((route) => !covered(route))
    .filter((route) => {
      const own = adminsOwn(route);
      return own === undefined || !covered(own);
    });
  assert.deepEqual(
    alone.map(({ operationId }) => operationId),
    [],
  );
});

describe('commands and REST on one peer', { timeout: 240_000 }, () => {
  const ALICE = 'alice@a.test';
  let peer: TestPeer;
  let token = '';
  before(async () => {
    peer = await startTestPeer({
      domain: 'a.test',
      users: ['alice', 'bob'],
      delivery: ['retry = ["1h"]'],
      // Nobody listens there: what is for it waits.
      routes: { 'slow.test': 'smtp://127.0.0.1:9' },
    });
    token = (await command<{ token: string }>('token', 'add', 'parity', '--scope', 'admin')).token;
  });
  after(() => peer?.close());

  async function command<T>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await peer.cli([...args, '--json']);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async function rest(operation: string, path: string, body?: object): Promise<unknown> {
    const route = allRoutes.find(({ operationId }) => operationId === operation);
    assert.ok(route, operation);
    // fetch refuses our port.
    const sent = request({
      host: peer.host,
      port: peer.port(80),
      path: `/api/v1/admin${path}`,
      method: route.method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    });
    sent.end(body && JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    assert.ok((answer.statusCode ?? 500) < 300, `${operation}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** What a command printed is what the operation may answer. */
  function fits(operation: string, value: unknown): void {
    const schema = allRoutes.find(({ operationId }) => operationId === operation)?.response;
    assert.ok(schema, operation);
    assert.ok(Check(schema, value), `${operation}: ${JSON.stringify([Errors(schema, value)[0], value])}`);
  }

  const idOf = async (address: string): Promise<string> =>
    (await command<{ id: string }>('account', 'show', address)).id;

  test('what is only read is the same', async () => {
    const id = await idOf(ALICE);
    await command('alias', 'add', '@a.test', ALICE);
    await command('app-password', 'add', ALICE, 'phone');
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    await command('account', 'forward', 'bob@a.test', 'x@slow.test');
    const taken = await smtp.data('y@far.test', 'bob@a.test', Buffer.from('Subject: a\r\n\r\n'));
    assert.equal(taken.code, 250);
    const [entry = ''] = (await command<{ items: string[] }>('queue', 'hold', '--all')).items;
    await command('domain', 'dkim', 'add', 'a.test', '--algorithm', 'ed25519');
    const filters = `${peer.data}/../filters.json`;
    await writeFile(filters, '[{"name":"j","when":{"from":"x@"},"then":{"mailbox":"Junk"}}]');
    fits('setAccountFilters', await command('account', 'filters', ALICE, '--apply', filters));
    const lists = ['--block', '.far.test', '--allow', '@a.far.test'];
    fits('setAccountSenders', await command('account', 'senders', ALICE, ...lists));
    fits('setPeerSenders', await command('senders', '--block', 'x@spam.test'));
    const reads: readonly [string, string, readonly string[]][] = [
      ['listDomains', '/domains', ['domain', 'list']],
      ['getDomainRecords', '/domains/a.test/dns', ['domain', 'dns', 'a.test']],
      ['listDkimKeys', '/domains/a.test/dkim', ['domain', 'dkim', 'list', 'a.test']],
      ['listAccounts', '/accounts', ['account', 'list']],
      ['showAccount', `/accounts/${id}`, ['account', 'show', ALICE]],
      ['getAccountAutoreply', `/accounts/${id}/autoreply`, ['account', 'autoreply', ALICE]],
      ['getAccountSecondFactor', `/accounts/${id}/second-factor`, ['account', 'second-factor', ALICE]],
      ['listAccountFilters', `/accounts/${id}/filters`, ['account', 'filters', ALICE]],
      ['getAccountSenders', `/accounts/${id}/senders`, ['account', 'senders', ALICE]],
      ['getPeerSenders', '/senders', ['senders']],
      ['listAliases', '/aliases', ['alias', 'list']],
      ['resolveAddress', '/addresses/bob%2Bx@a.test', ['address', 'resolve', 'bob+x@a.test']],
      ['listAccountAppPasswords', `/accounts/${id}/app-passwords`, ['app-password', 'list', ALICE]],
      ['listQueue', '/queue', ['queue', 'list']],
      ['showQueued', `/queue/${entry}`, ['queue', 'show', entry]],
      ['listAudit', '/audit?limit=5', ['audit', 'list', '--limit', '5']],
      ['exportSettings', '/settings', ['settings', 'export']],
      ['getConfiguration', '/configuration', ['settings', 'export', '--configuration']],
    ];
    for (const [operation, path, args] of reads) {
      const [said, answered] = [await command(...args), await rest(operation, path)];
      const { next: _, ...page } = answered as { next?: string };
      assert.deepEqual(said, page, operation);
      fits(operation, said);
    }
    // What changes between two looks has the same shape at least.
    fits('getStatus', await command('status'));
    fits('listLogins', await command('login', 'list'));
    fits('listSessions', await command('session', 'list'));
    fits('listAllTokens', await command('token', 'list'));
    await smtp.close();
  });

  test('acts say the same', async () => {
    fits('addDomain', await command('domain', 'add', 'b.test'));
    fits('changeDomain', await command('domain', 'alias', 'b.test', 'a.test'));
    const domain = await command('domain', 'show', 'b.test');
    assert.deepEqual(domain, await rest('showDomain', '/domains/b.test'));
    assert.equal((domain as { aliasOf: string }).aliasOf, 'a.test');
    await command('domain', 'alias', 'b.test', '--off');
    fits('renameDomain', await command('domain', 'rename', 'b.test', 'c.test'));
    fits('renameDomain', await rest('renameDomain', '/domains/c.test/rename', { to: 'b.test' }));
    await rest('removeDomain', '/domains/b.test');
    const added = await command<{ items: { selector: string }[] }>('domain', 'dkim', 'add', 'a.test');
    fits('addDkimKeys', added);
    fits('checkDkimKeys', await command('domain', 'dkim', 'check', 'a.test'));
    const selector = added.items[0]?.selector ?? '';
    fits('changeDkimKey', await command('domain', 'dkim', 'set', 'a.test', selector, 'retired'));
    await command('domain', 'dkim', 'remove', 'a.test', selector, '--force');
    fits('setAccountAutoreply', await command('account', 'autoreply', ALICE, '--text', 'Away.', '--until', '3d'));
    fits('addAlias', await command('alias', 'add', 'team@a.test', ALICE));
    fits('addAnyToken', await command('token', 'add', 'second', '--scope', 'admin:read'));
    fits('addAccountAppPassword', await command('app-password', 'add', ALICE, 'laptop'));
    fits('actOnQueue', await command('queue', 'drop', '--all'));
    for (const [name, ...args] of [
      ['suspend'],
      ['resume'],
      ['quota', '5GB'],
      ['forward', 'bob@a.test', '--keep'],
      ['forward', '--off'],
      ['moved', 'alice@new.test'],
      ['moved', '--off'],
      ['admin', 'on'],
    ] as const) {
      const said = await command('account', name, ALICE, ...args);
      fits('changeAccount', said);
      assert.deepEqual(said, await rest('showAccount', `/accounts/${await idOf(ALICE)}`), name);
    }
    fits('changeAccount', await command('account', 'rename', 'bob@a.test', 'robert@a.test'));
    const { stdout } = await peer.cli(
      ['account', 'add', 'new@a.test', '--password-stdin', '--json'],
      'a long password',
    );
    fits('addAccount', JSON.parse(stdout));
    const wanted = await rest('exportSettings', '/settings');
    const file = `${peer.data}/../wanted.json`;
    assert.equal((await peer.cli(['settings', 'export', file])).code, 0);
    for (const [operation, path, args] of [
      ['planSettings', '/settings/plan', ['settings', 'plan', file]],
      ['applySettings', '/settings/apply?dryRun=true', ['settings', 'apply', file, '--dry-run']],
    ] as const) {
      const said = await command(...args);
      fits(operation, said);
      assert.deepEqual(said, await rest(operation, path, wanted as object));
    }
    fits('restartPrograms', await command('restart', 'mta'));
  });
});

/** App passwords, tokens and the audit log. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { startSasl } from '#mail/sasl/mechanism.ts';
import { scramClient } from '#mail/sasl/scram-client.ts';
import { hashToken, makeAppPassword, newAppPassword, newToken } from '#store/app-password.ts';
import type { AppScope, Directory, Login, Token } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { makeSecret } from '#store/secret.ts';
import { type DirectoryTests, type Ground, PASSWORD, refused } from './directory-ground.ts';
import { random } from './fixtures.ts';

export async function addAppPassword({ directory }: Ground, account: string, name: string, ...scopes: AppScope[]) {
  const text = newAppPassword(random);
  const { address } = (await directory.account(account))!;
  const made = await makeAppPassword(text, await directory.scram(address));
  const id = newId('password', random);
  await directory.change({ type: 'add-app-password', id, account, name, scopes, made });
  return { id, text };
}

/** A whole SCRAM conversation. */
export async function scramLogin(
  directory: Directory,
  username: string,
  password: string,
  use?: AppScope,
): Promise<Login | undefined> {
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const client = scramClient({ username, password, random: bytes });
  const server = startSasl<Login>('SCRAM-SHA-256', (await client.next()).value as Uint8Array, {
    scram: (login) => directory.scram(login, use),
    random: bytes,
  });
  let step = await server.next();
  while (step.done !== true) step = await server.next((await client.next(step.value)).value as Uint8Array);
  return step.value.kind === 'scram' ? step.value.login : undefined;
}

async function addToken(directory: Directory, given: Partial<Token> & { name: string }) {
  const text = newToken(random);
  const hash = hashToken(text);
  assert.ok(hash);
  const token = { id: newId('token', random), kind: 'api' as const, scopes: ['mail:read' as const], ...given };
  await directory.change({ type: 'add-token', token, hash });
  return { id: token.id, hash };
}

export const CREDENTIAL_TESTS: DirectoryTests = {
  'what checks an app password can be taken to another account of the same secret': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`ann@${domain}`);
    const phone = await addAppPassword(on, id, 'phone', 'imap');
    const [known] = await directory.appPasswordKeys(id);
    assert.deepEqual([known?.name, known?.scopes], ['phone', ['imap']]);
    const { scram } = (await directory.secret(id))!;
    await directory.change({ type: 'remove-app-password', id: phone.id });
    const { salt, iterations } = scram;
    const made = { salt, iterations, keys: known!.keys };
    await directory.change({ type: 'add-app-password', id: 'again', account: id, name: 'phone', scopes: [], made });
    const login = { account: id, address: `ann@${domain}`, appPassword: 'again' };
    assert.deepEqual(await directory.authenticate(`ann@${domain}`, phone.text, 'imap'), login);
    assert.deepEqual(await scramLogin(directory, `ann@${domain}`, phone.text, 'pop3'), login);
  },

  'an app password counts for what it is for, however it is typed': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const bob = `bob@${domain}`;
    const phone = await addAppPassword(on, id, 'phone', 'imap', 'smtp');
    const all = await addAppPassword(on, id, 'all');
    const login = { account: id, address: bob, appPassword: phone.id };
    const bare = phone.text.replaceAll('-', '');
    for (const typed of [phone.text, bare, bare.toUpperCase(), ` ${phone.text.replaceAll('-', ' ')} `]) {
      assert.deepEqual(await directory.authenticate(bob, typed, 'imap'), login, typed);
    }
    assert.deepEqual(await directory.authenticate(bob, phone.text, 'smtp'), login);
    assert.equal(await directory.authenticate(bob, phone.text, 'pop3'), undefined);
    assert.equal(await directory.authenticate(bob, phone.text), undefined, 'only the own password without a use');
    assert.equal((await directory.authenticate(bob, all.text, 'pop3'))?.appPassword, all.id);
    assert.equal(await directory.authenticate(bob, newAppPassword(random), 'imap'), undefined);
    assert.equal(await directory.authenticate(`eve@${domain}`, phone.text, 'imap'), undefined);
    const own = await directory.authenticate(bob, PASSWORD, 'imap');
    assert.deepEqual(own, { account: id, address: bob });
    await directory.change({ type: 'remove-app-password', id: phone.id });
    assert.equal(await directory.authenticate(bob, phone.text, 'imap'), undefined, 'at once');
    await assert.rejects(directory.change({ type: 'remove-app-password', id: phone.id }), refused('not-found'));
  },

  'SCRAM takes app passwords too, as they are shown and without hyphens': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const bob = `bob@${domain}`;
    const { id: password, text } = await addAppPassword(on, id, 'phone', 'imap');
    const login = { account: id, address: bob, appPassword: password };
    for (const typed of [text, text.replaceAll('-', ''), text.replaceAll('-', ' ')]) {
      assert.deepEqual(await scramLogin(directory, bob, typed, 'imap'), login, typed);
    }
    assert.deepEqual(await scramLogin(directory, bob, PASSWORD, 'imap'), { account: id, address: bob });
    assert.equal(await scramLogin(directory, bob, text, 'smtp'), undefined);
    assert.equal(await scramLogin(directory, bob, text), undefined);
    await directory.change({ type: 'suspend-account', id, suspended: true });
    await assert.rejects(scramLogin(directory, bob, text, 'imap'), refused('not-permitted'));
    assert.equal(await scramLogin(directory, bob, 'wrong', 'imap'), undefined);
    await assert.rejects(directory.authenticate(bob, text, 'imap'), refused('not-permitted'));
  },

  'app passwords are listed without their keys, and have a name each': async (on) => {
    const { directory, domain, account } = on;
    const [id, other] = [await account(`a@${domain}`), await account(`b@${domain}`)];
    const { id: password } = await addAppPassword(on, id, ' My phone ', 'smtp', 'imap');
    await addAppPassword(on, other, 'other');
    const [listed, ...rest] = await directory.appPasswords(id);
    assert.ok(listed && rest.length === 0);
    const { createdAt, ...shown } = listed;
    assert.deepEqual(shown, { id: password, account: id, name: 'My phone', scopes: ['imap', 'smtp'] });
    assert.ok(createdAt > 1_000_000);
    await assert.rejects(addAppPassword(on, id, 'My phone'), refused('exists'));
    await assert.rejects(addAppPassword(on, id, ' '), refused('bad-request'));
    await assert.rejects(addAppPassword(on, id, 'x', 'ftp' as AppScope), refused('bad-request'));
    await directory.change({ type: 'mark-removing', id });
    await directory.change({ type: 'remove-account', id });
    assert.deepEqual(await directory.appPasswords(id), []);
  },

  'a new password of the account leaves app passwords as they are': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`bob@${domain}`);
    const bob = `bob@${domain}`;
    const { text } = await addAppPassword(on, id, 'phone');
    const fresh = await makeSecret('other');
    await assert.rejects(directory.change({ type: 'set-secret', id, secret: fresh }), refused('bad-request'));
    const secret = await makeSecret('other', await directory.scram(bob));
    await directory.change({ type: 'set-secret', id, secret });
    assert.ok(await directory.authenticate(bob, text, 'imap'));
    assert.ok(await scramLogin(directory, bob, text, 'imap'));
    assert.ok(await scramLogin(directory, bob, 'other', 'imap'));
    assert.equal(await directory.authenticate(bob, PASSWORD, 'imap'), undefined);
  },

  'a token is found by its hash while it counts': async ({ directory, domain, account }) => {
    const id = await account(`a@${domain}`);
    const forever = await addToken(directory, {
      name: 'backup',
      account: id,
      scopes: ['send', 'mail:read'],
      networks: ['192.0.2.0/24', '::1'],
    });
    const found = await directory.token(forever.hash);
    assert.ok(found);
    assert.deepEqual(found, {
      createdAt: found.createdAt,
      id: forever.id,
      account: id,
      name: 'backup',
      kind: 'api',
      scopes: ['mail:read', 'send'],
      networks: ['192.0.2.0/24', '::1'],
    });
    assert.deepEqual(await directory.tokenById(forever.id), found);
    assert.deepEqual(await directory.tokens(id), [found]);
    assert.equal(await directory.token(hashToken(newToken(random))!), undefined);
    await directory.change({ type: 'suspend-account', id, suspended: true });
    await assert.rejects(directory.token(forever.hash), refused('not-permitted'));
    await directory.change({ type: 'suspend-account', id, suspended: false });
    await directory.change({ type: 'remove-token', id: forever.id });
    assert.equal(await directory.token(forever.hash), undefined);
    const again = await addToken(directory, { name: 'backup', account: id });
    await directory.change({ type: 'mark-removing', id });
    assert.equal(await directory.token(again.hash), undefined, 'its account is going');
    await directory.change({ type: 'remove-account', id });
    assert.equal(await directory.tokenById(again.id), undefined);
  },

  'a token ends at its time': async ({ directory, domain, account, setTime }) => {
    const id = await account(`a@${domain}`);
    const { createdAt: now } = (await directory.account(id))!;
    await assert.rejects(addToken(directory, { name: 'late', account: id, expiresAt: now }), refused('bad-request'));
    const short = await addToken(directory, { name: 'short', account: id, expiresAt: now + 1_000 });
    assert.ok(await directory.token(short.hash));
    setTime(now + 1_000);
    assert.equal(await directory.token(short.hash), undefined);
    assert.deepEqual(await directory.tokens(id), []);
    await addToken(directory, { name: 'short', account: id });
    assert.equal(await directory.tokenById(short.id), undefined, 'it was swept');
  },

  'what can not be a token': async ({ directory, domain, account }) => {
    const id = await account(`a@${domain}`);
    await addToken(directory, { name: 'one', account: id });
    await assert.rejects(addToken(directory, { name: 'one', account: id }), refused('exists'));
    await assert.rejects(addToken(directory, { name: 'x', account: 'nobody' }), refused('no-such-account'));
    await assert.rejects(addToken(directory, { name: 'x', networks: ['nonsense'] }), refused('bad-request'));
    await assert.rejects(addToken(directory, { name: 'x', networks: ['10.0.0.0/99'] }), refused('bad-request'));
    await assert.rejects(addToken(directory, { name: 'x', scopes: ['root' as 'send'] }), refused('bad-request'));
    await assert.rejects(addToken(directory, { name: 'a\nb' }), refused('bad-request'));
    await assert.rejects(directory.change({ type: 'remove-token', id: 'none' }), refused('not-found'));
  },

  'a token of the peer has no account': async ({ directory, domain }) => {
    const { id, hash } = await addToken(directory, { name: `admin of ${domain}`, scopes: ['admin'] });
    const found = await directory.token(hash);
    assert.ok(found && !('account' in found) && !('expiresAt' in found) && !('networks' in found));
    assert.ok((await directory.tokens()).some((token) => token.id === id));
  },

  'a new password ends sessions, but not the one that set it': async ({ directory, domain, account }) => {
    const id = await account(`a@${domain}`);
    const mine = await addToken(directory, { name: 'here', account: id, kind: 'session' });
    await addToken(directory, { name: 'there', account: id, kind: 'session' });
    await addToken(directory, { name: 'there', account: id, kind: 'session' });
    await addToken(directory, { name: 'program', account: id });
    await directory.change({ type: 'set-secret', id, secret: await makeSecret('new'), keep: mine.id });
    assert.deepEqual(
      (await directory.tokens(id)).map(({ name }) => name),
      ['here', 'program'],
    );
    await directory.change({ type: 'set-secret', id, secret: await makeSecret('newer') });
    assert.deepEqual(
      (await directory.tokens(id)).map(({ name }) => name),
      ['program'],
    );
  },

  'the last use of a credential is kept, once a minute': async (on) => {
    const { directory, domain, account } = on;
    const id = await account(`a@${domain}`);
    const token = await addToken(directory, { name: 'program', account: id });
    const password = await addAppPassword(on, id, 'phone');
    directory.noteUse({ kind: 'token', id: token.id, at: 5_000, remote: '192.0.2.1' });
    directory.noteUse({ kind: 'app-password', id: password.id, at: 6_000, remote: '2001:db8::1' });
    directory.noteUse({ kind: 'token', id: token.id, at: 5_999, remote: '192.0.2.99' });
    directory.noteUse({ kind: 'token', id: 'none', at: 5_000, remote: '192.0.2.1' });
    const used = async () => [(await directory.tokenById(token.id))!, ...(await directory.appPasswords(id))];
    for (let found = await used(); found.some((one) => one.lastUsedAt === undefined); found = await used()) {
      await pause(20);
    }
    assert.deepEqual(
      (await used()).map(({ lastUsedAt, lastUsedFrom }) => [lastUsedAt, lastUsedFrom]),
      [
        [5_000, '192.0.2.1'],
        [6_000, '2001:db8::1'],
      ],
    );
  },

  'who did what is told newest first, and never a secret': async (on) => {
    const { directory, domain, account, secret } = on;
    const id = await account(`a@${domain}`);
    const admin = `admin@${domain}`;
    const by = (detail?: object) => ({ actor: admin, ...(detail && { detail }) });
    await directory.change({ type: 'add-alias', address: `b@${domain}`, targets: ['x@else.test'] }, by());
    await directory.change({ type: 'set-secret', id, secret }, by({ how: 'page' }));
    await directory.change({ type: 'suspend-account', id, suspended: true }, { actor: 'cli', act: 'suspend' });
    await directory.change({ type: 'note-act', act: 'drop-queue', target: 'q1' }, by({ messages: 3 }));
    await directory.change({ type: 'remove-alias', address: `B@${domain}` }, by());
    await assert.rejects(
      directory.change({ type: 'remove-alias', address: `b@${domain}` }, by()),
      refused('not-found'),
    );
    const lines = await directory.audit({ limit: 10, actor: admin });
    assert.deepEqual(
      lines.map(({ act, target, detail }) => ({ act, target, detail })),
      [
        { act: 'remove-alias', target: `B@${domain}`, detail: { targets: ['x@else.test'] } },
        { act: 'drop-queue', target: 'q1', detail: { messages: 3 } },
        { act: 'set-secret', target: `a@${domain}`, detail: { how: 'page' } },
        { act: 'add-alias', target: `b@${domain}`, detail: { targets: ['x@else.test'] } },
      ],
    );
    assert.ok(lines.every(({ at, actor }) => at > 1_000_000 && actor === admin));
    const [newest, second] = lines;
    const older = await directory.audit({ limit: 1, actor: admin, before: newest!.id });
    assert.deepEqual(older, [second]);
    const ofAccount = await directory.audit({ limit: 10, target: `a@${domain}` });
    assert.deepEqual(
      ofAccount.map(({ act, actor }) => [act, actor]),
      [
        ['suspend', 'cli'],
        ['set-secret', admin],
      ],
    );
  },
};

/** The page of admins, in Chromium, at a running peer with a queue and people connected. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { submit } from '#test/support/mail-client.ts';
import { ImapWire } from '#test/support/wire.ts';
import { until } from '../programs.ts';
import { needsChromium, openPage, startBrowser, type Watched } from './browser.ts';
import { signIn } from './steps.ts';
import { REASON, startWebPeer, type WebPeer } from './web-peer.ts';

const ADMIN = 'admin@alpha.test';
const ALICE = 'alice@alpha.test';

describe('the page of admins', { skip: needsChromium(), concurrency: 1 }, () => {
  let web: WebPeer;
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  before(async () => {
    web = await startWebPeer();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await web?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser, web.origin);
    page = watched.page;
    await page.goto('/admin');
    await signIn(page, ADMIN, web.peer.password);
    await page.getByRole('heading', { name: 'Domains', level: 1 }).waitFor();
  });
  afterEach(async () => {
    await watched.close();
    assert.deepEqual(watched.faults, []);
  });

  const view = async (name: string): Promise<void> => {
    await page.getByRole('navigation', { name: 'Admin' }).getByRole('link', { name }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  };
  const peerpost = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await web.peer.cli([...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  };

  test('a domain is added, its records are copied, and it is removed', async () => {
    await page.getByRole('button', { name: 'Add a domain' }).click();
    await page.getByLabel('Domain', { exact: true }).fill('not a domain');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
    await page.getByLabel('Domain', { exact: true }).fill('beta.test');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('heading', { name: 'beta.test', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Copy the value of MX beta.test' }).click();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), '10 mx.alpha.test');
    await page.getByRole('button', { name: 'Copy as zone file' }).click();
    assert.match(
      String(await page.evaluate('navigator.clipboard.readText()')),
      /^beta\.test\. \d+ IN MX 10 mx\.alpha\.test\.$/m,
    );
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove the domain' }).click();
    await page.getByText('beta.test is removed.').waitFor();
    await page.getByRole('heading', { name: 'Domains', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'beta.test' }).waitFor({ state: 'detached' });
  });

  test('an account is made, limited, suspended, renamed, and removed', async () => {
    await view('Accounts');
    await page.getByRole('button', { name: 'Add an account' }).click();
    await page.getByLabel('Address', { exact: true }).fill('bob@alpha.test');
    await page.getByLabel('First password', { exact: true }).fill('first password');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('heading', { name: 'bob@alpha.test', level: 1 }).waitFor();
    await page.getByLabel('At most').fill('nonsense');
    const room = page.getByRole('region', { name: 'Room' });
    await room.getByRole('button', { name: 'Save' }).click();
    await room.getByText('Write a size').waitFor();
    await page.getByLabel('At most').fill('3 GB');
    await room.getByRole('button', { name: 'Save' }).click();
    await page.getByText('0 bytes of 3 GB used').waitFor();
    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
    await page.getByText('bob@alpha.test is suspended.').waitFor();
    await assert.rejects(ImapWire.open(web.peer.host, web.peer.port(143), 'bob@alpha.test', 'first password'));
    await page.getByRole('button', { name: 'Let in again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Let in' }).click();
    await page.getByRole('button', { name: 'Suspend' }).waitFor();
    await page.getByLabel('New address').fill('robert@alpha.test');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('heading', { name: 'robert@alpha.test', level: 1 }).waitFor();
    await page.getByText('also gets mail for bob@alpha.test').waitFor();
    await page.getByLabel('New password', { exact: true }).fill('second password');
    await page.getByRole('button', { name: 'Set it' }).click();
    await page.getByText('robert@alpha.test has a new password.').waitFor();
    const open = await ImapWire.open(web.peer.host, web.peer.port(143), 'robert@alpha.test', 'second password');
    await open.close();
    const moved = page.getByRole('region', { name: 'Moved away' });
    await moved.getByLabel('Address elsewhere').fill('bob@far.test');
    await moved.getByLabel('Mail that still comes here').selectOption('reject');
    await moved.getByRole('button', { name: 'It has moved' }).click();
    await moved.getByText('Mail is refused, and senders are told bob@far.test.').waitFor();
    await moved.getByLabel('Mail that still comes here').selectOption('forward');
    await moved.getByRole('button', { name: 'Save' }).click();
    await moved.getByText('Mail goes on to bob@far.test.').waitFor();
    interface Details {
      moved?: { to: string; how: string };
    }
    const shown = await peerpost<Details>('account', 'show', 'robert@alpha.test');
    assert.deepEqual(shown.moved, { to: 'bob@far.test', how: 'forward' });
    await moved.getByRole('button', { name: 'It lives here again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'It lives here' }).click();
    await page.getByText('robert@alpha.test lives here again.').waitFor();
    await page.getByRole('button', { name: 'Remove the account' }).click();
    await page.getByText('There is no way back.').waitFor();
    await page.getByRole('button', { name: 'Remove account and mail' }).click();
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'robert@alpha.test' }).waitFor({ state: 'detached' });
  });

  test('an alias is added and removed', async () => {
    await view('Aliases');
    await page.getByRole('button', { name: 'Add an alias' }).click();
    await page.getByLabel('Mail for').fill('sales@alpha.test');
    await page.getByLabel('goes to').fill(`${ALICE}\nbob@far.test`);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText(`to ${ALICE}, bob@far.test`).waitFor();
    await page.getByRole('button', { name: 'Remove sales@alpha.test' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('sales@alpha.test is removed.').waitFor();
  });

  test('waiting mail says why it waits, is tried again, held, and dropped', async () => {
    const alice = { peer: web.peer, address: ALICE };
    for (const name of ['bob', 'carol']) await submit(alice, { to: `${name}@far.test`, subject: 'waits' });
    interface Queue {
      items: { recipients: { attempts: number }[] }[];
    }
    const attempts = async (): Promise<number[]> =>
      (await peerpost<Queue>('queue', 'list')).items.map(({ recipients }) => recipients[0]?.attempts ?? 0);
    await until(async () => (await attempts()).filter((tried) => tried === 1).length === 2, 'both to be tried');
    await view('Queue');
    await page.getByText(`mx.far.test said: ${REASON}`).nth(1).waitFor();

    await page.getByRole('button', { name: /^Retry now from .* to bob@far\.test$/ }).click();
    await page.getByText('1 message tried again now.').waitFor();
    await until(async () => (await attempts()).includes(2), 'the second attempt');

    await page.getByLabel('Select all 2 messages shown').check();
    await page.getByRole('button', { name: 'Hold those selected' }).click();
    await page.getByText('2 messages held.').waitFor();
    await page.getByLabel('Show', { exact: true }).selectOption('held');
    await page.getByLabel('To the domain').fill('far.test');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('Select all 2 messages shown').check();
    await page.getByRole('button', { name: 'Drop those selected' }).click();
    await page.getByText('never arrive').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Drop' }).click();
    await page.getByText('2 messages dropped.').waitFor();
    await page.getByText('Nothing matches.').waitFor();
    assert.deepEqual(await attempts(), []);
  });

  test('who is connected is listed, and disconnected', async () => {
    const client = await ImapWire.open(web.peer.host, web.peer.port(143), ALICE, web.peer.password);
    await view('Sessions');
    await page.getByRole('button', { name: new RegExp(`Disconnect imap from .* of ${ALICE}`) }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
    await page.getByText('1 session disconnected.').waitFor();
    await assert.rejects(async () => {
      for (;;) await client.ask('NOOP');
    });
  });

  test('the audit log has it all, and views have addresses of their own', async () => {
    await view('Audit log');
    await page.getByText('disconnect', { exact: true }).first().waitFor();
    await page.getByLabel('On', { exact: true }).fill('robert@alpha.test');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL('**/admin/audit?target=robert%40alpha.test');
    await page.getByText('remove account').waitFor();
    await page.reload();
    await page.getByText('remove account').waitFor();
    await page.goto('/admin/nowhere');
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  });

  test('who is no admin sees none of it', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('heading', { name: 'This page is for admins' }).waitFor();
  });
});

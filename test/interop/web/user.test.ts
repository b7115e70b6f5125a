/** The page of people, in Chromium, at a running peer: what it says and does is true in other protocols too. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { withImap } from '#test/support/mail-client.ts';
import { needsChromium, openPage, startBrowser, type Watched } from './browser.ts';
import { signIn } from './steps.ts';
import { startWebPeer, type WebPeer } from './web-peer.ts';

const ALICE = 'alice@alpha.test';

describe('the page of people', { skip: needsChromium(), concurrency: 1 }, () => {
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
    await page.goto('/');
  });
  afterEach(async () => {
    await watched.close();
    assert.deepEqual(watched.faults, []);
  });

  test('a wrong password is told at its field, the right one opens the account', async () => {
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Enter your address.').waitFor();
    await signIn(page, ALICE, 'not this one');
    const field = page.getByLabel('Password', { exact: true });
    await page.getByText('The address or the password is wrong.').waitFor();
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.ok(await field.evaluate('this === document.activeElement || document.activeElement.name === "password"'));
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
    assert.match(await page.title(), /alice@alpha\.test/);
    // A session outlives the page.
    await page.reload();
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
  });

  test('servers in words, a QR code, and the profile', async () => {
    await signIn(page, ALICE, web.peer.password);
    const incoming = page.getByText(/^IMAP at/).first();
    assert.match(
      String(await incoming.textContent()),
      new RegExp(`mx\\.alpha\\.test.*port ${web.peer.port(993)}, SSL/TLS`, 's'),
    );
    const code = page.getByAltText(/QR code/);
    await code.waitFor();
    // It is there before its picture has come.
    await code.evaluate('document.querySelector("img").decode()');
    assert.ok(Number(await code.evaluate('document.querySelector("img").naturalWidth')) > 50, 'the code is drawn');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download the profile' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'mail.mobileconfig');
    await page.getByRole('button', { name: 'Copy user name' }).click();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), ALICE);
  });

  test('an app password is made, used over IMAP, seen as used, and removed', async () => {
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('button', { name: 'New app password' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByText('Give it a name').waitFor();
    await dialog.getByLabel('Device or program').fill('Phone');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByRole('heading', { name: 'Password for “Phone”' }).waitFor();
    const password = String(await dialog.locator('code').textContent());
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByText('For IMAP, POP3, SMTP · never used').waitFor();
    await page.getByText(password).waitFor({ state: 'detached' });

    const phone = { peer: { ...web.peer, password }, address: ALICE };
    assert.ok(await withImap(phone, async (client) => (await client.list()).length > 0));
    // Uses are noted some seconds later.
    for (let seen = 0; seen === 0; ) {
      await page.reload();
      await page.getByRole('button', { name: 'Remove Phone' }).waitFor();
      seen = await page.getByText(/used .* from 127\./).count();
    }
    await page.getByRole('button', { name: 'Remove Phone' }).click();
    await page.getByRole('dialog').getByText('can’t sign in any more').waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('“Phone” is removed.').waitFor();
    await assert.rejects(withImap(phone, () => Promise.resolve()));
    assert.equal(await page.evaluate('document.activeElement.id'), 'app-passwords', 'the focus is where the list is');
  });

  test('a forward is set, shown, and taken back', async () => {
    await signIn(page, ALICE, web.peer.password);
    const part = page.getByRole('region', { name: 'Forward' });
    await part.getByLabel('Forward to').fill('nonsense');
    await part.getByRole('button', { name: 'Forward', exact: true }).click();
    await part.getByText('“nonsense” is not an address.').waitFor();
    await part.getByLabel('Forward to').fill('bob@far.test');
    await part.getByRole('button', { name: 'Forward', exact: true }).click();
    await part.getByText('Mail goes to bob@far.test, and stays here too.').waitFor();
    const { stdout } = await web.peer.cli(['account', 'show', ALICE, '--json']);
    assert.deepEqual((JSON.parse(stdout) as { forward: unknown }).forward, { targets: ['bob@far.test'], keep: true });
    await part.getByRole('button', { name: 'Stop forwarding' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop forwarding' }).click();
    await page.getByText('Mail is no longer forwarded.').waitFor();
    await part.getByText('Mail goes to').waitFor({ state: 'detached' });
  });

  test('a token is made for a script, and works', async () => {
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('button', { name: 'New token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('backup');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByRole('button', { name: 'Done' }).waitFor();
    const token = String(await dialog.locator('code').textContent());
    const answer = await page.request.get('/api/v1/mailboxes', { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status(), 200);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByText(/Read mail · until/).waitFor();
  });

  test('when the session ends, the sign-in comes over the page and nothing typed is lost', async () => {
    await signIn(page, ALICE, web.peer.password);
    const part = page.getByRole('region', { name: 'Forward' });
    await part.getByLabel('Forward to').fill('carol@far.test');
    await page.context().clearCookies();
    await part.getByRole('button', { name: 'Forward', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Sign in again' }).waitFor();
    await dialog.getByLabel('Password', { exact: true }).fill('wrong');
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.getByText('The address or the password is wrong.').waitFor();
    await dialog.getByLabel('Password', { exact: true }).fill(web.peer.password);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await part.getByText('Mail goes to carol@far.test').waitFor();
    await dialog.waitFor({ state: 'detached' });
  });

  test('the password is changed, and the old one opens nothing any more', async () => {
    await signIn(page, ALICE, web.peer.password);
    const part = page.getByRole('region', { name: 'Password', exact: true });
    await part.getByLabel('Present password', { exact: true }).fill('wrong');
    await part.getByLabel('New password', { exact: true }).fill('short');
    await part.getByRole('button', { name: 'Change the password' }).click();
    await part.getByText('Use at least 8 characters.').waitFor();
    await part.getByLabel('New password', { exact: true }).fill('another one, longer');
    await part.getByRole('button', { name: 'Change the password' }).click();
    await part.getByText('This is not your present password.').waitFor();
    await part.getByLabel('Present password', { exact: true }).fill(web.peer.password);
    await part.getByRole('button', { name: 'Change the password' }).click();
    await page.getByText('Your password is changed.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, ALICE, web.peer.password);
    await page.getByText('The address or the password is wrong.').waitFor();
    await signIn(page, ALICE, 'another one, longer');
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
  });
});

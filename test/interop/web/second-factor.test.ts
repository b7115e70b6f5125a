/** The second factor on the pages, in Chromium: turned on and off, asked for at the sign-in, by mouse and by keyboard alone; axe and widths in every state. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { TOTP_PERIOD_MS } from '#store/totp.ts';
import { withImap } from '#test/support/mail-client.ts';
import { authenticatorCode } from '#test/support/second-factor.ts';
import { until } from '../programs.ts';
import { accessibilityFindings, needsChromium, openPage, startBrowser, type Watched } from './browser.ts';
import { signIn } from './steps.ts';
import { startWebPeer, type WebPeer } from './web-peer.ts';

const ALICE = 'alice@alpha.test';
const ADMIN = 'admin@alpha.test';

describe('the second factor on the pages', { skip: needsChromium(), concurrency: 1 }, () => {
  let web: WebPeer;
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  let secret = '';
  let recoveryCodes: string[] = [];
  before(async () => {
    web = await startWebPeer();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await web?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser, web.origin, { reducedMotion: 'reduce' });
    page = watched.page;
    await page.goto('/');
  });
  afterEach(async () => {
    await watched.close();
    assert.deepEqual(watched.faults, []);
  });

  /** Steps of the clock before or behind: each code counts once, so that a test which doesn't wait for the next takes it before its time. */
  const code = async (drift: number): Promise<string> => {
    const left = TOTP_PERIOD_MS - (Date.now() % TOTP_PERIOD_MS);
    // It is still that when it arrives.
    if (left < 5_000) await new Promise((resolve) => setTimeout(resolve, left));
    return authenticatorCode(secret, Date.now(), drift);
  };
  const focused = (property: string): Promise<unknown> => page.evaluate(`document.activeElement.${property}`);

  const focusIs = (property: string, value: string): Promise<unknown> =>
    until(
      async () => (await focused(property)) === value,
      `the focus on ${value}`,
      async () => String(await focused('outerHTML')),
      10_000,
    );

  /** Light and dark, phone and desk. */
  async function look(what: string): Promise<void> {
    const wrong: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [360, 1280]) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width, height: 900 });
        const wide = Number(await page.evaluate('document.documentElement.scrollWidth'));
        const found = [...(await accessibilityFindings(page)), ...(wide > width ? [`it is ${wide} wide`] : [])];
        wrong.push(...found.map((text) => `${what}, ${colorScheme}, ${width} px: ${text}`));
      }
    }
    assert.deepEqual(wrong, []);
  }

  test('it is turned on with a code of the app, and recovery codes are shown once', async () => {
    await signIn(page, ALICE, web.peer.password);
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByRole('button', { name: 'Turn it on' }).click();
    const dialog = page.getByRole('dialog');
    const image = dialog.getByAltText('QR code of the secret below');
    await image.waitFor();
    assert.ok(Number(await image.evaluate('document.querySelector("dialog img").naturalWidth')) > 50, 'it is drawn');
    await focusIs('name', 'code');
    await dialog.getByRole('button', { name: 'Copy secret' }).click();
    secret = String(await page.evaluate('navigator.clipboard.readText()'));
    assert.equal((await dialog.locator('code').textContent())?.replaceAll(' ', ''), secret);
    assert.match(String(await dialog.getByRole('link').getAttribute('href')), new RegExp(`^otpauth://.*${secret}`));
    await look('turning on');
    await dialog.getByLabel('Code').fill(await code(5));
    await dialog.getByLabel('Your password', { exact: true }).fill('wrong');
    await dialog.getByRole('button', { name: 'Turn it on' }).click();
    await dialog.getByText('This is not your present password.').waitFor();
    await dialog.getByLabel('Your password', { exact: true }).fill(web.peer.password);
    await dialog.getByRole('button', { name: 'Turn it on' }).click();
    await dialog.getByText('The code is wrong').waitFor();
    await dialog.getByLabel('Code').fill(await code(-1));
    await dialog.getByRole('button', { name: 'Turn it on' }).click();
    await dialog.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    recoveryCodes = await dialog.getByRole('listitem').allTextContents();
    assert.equal(recoveryCodes.length, 10);
    await look('recovery codes');
    await page.keyboard.press('Escape');
    await dialog.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('link', { name: 'Download' }).click(),
    ]);
    const file = await readFile(await download.path(), 'utf8');
    assert.ok(file.includes(ALICE) && recoveryCodes.every((one) => file.includes(`${one}\n`)), file);
    await dialog.getByRole('button', { name: 'Copy recovery codes' }).click();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), `${recoveryCodes.join('\n')}\n`);
    await dialog.getByRole('button', { name: 'I have kept them' }).click();
    await part.getByText('It is on. 10 recovery codes left.').waitFor();
    await dialog.waitFor({ state: 'detached' });
    await focusIs('id', 'second-factor');
    await page.getByText('An app password, made below', { exact: true }).waitFor();
    await look('account');
    // The own password opens no mail program any more, an app password does.
    const mail = (password: string) =>
      withImap({ peer: { ...web.peer, password }, address: ALICE }, (one) => one.list());
    await assert.rejects(mail(web.peer.password));
    const made = await web.peer.cli(['app-password', 'add', ALICE, 'Phone', '--json']);
    assert.ok((await mail(String(JSON.parse(made.stdout).password))).length > 0);
  });

  test('the sign-in asks for a code, by keyboard alone', async () => {
    const { keyboard } = page;
    await focusIs('name', 'address');
    await keyboard.type(ALICE);
    await keyboard.press('Tab');
    await keyboard.type(web.peer.password);
    await keyboard.press('Enter');
    await focusIs('name', 'code');
    assert.deepEqual(
      [await focused('autocomplete'), await focused('inputMode'), await focused('labels[0].textContent')],
      ['one-time-code', 'numeric', 'Code'],
    );
    await look('sign-in with a code');
    await keyboard.press('Enter');
    await page.getByText('Enter a code.').waitFor();
    await keyboard.type(await code(5));
    await keyboard.press('Enter');
    await page.getByText('The code is wrong, or was used already.').waitFor();
    assert.deepEqual([await focused('name'), await focused('ariaInvalid')], ['code', 'true']);
    await look('a wrong code');
    await keyboard.press('Control+A');
    await keyboard.type(await code(0));
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
    await focusIs('id', 'title');
  });

  test('a recovery code opens instead, and says how many are left', async () => {
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await focusIs('name', 'password');
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await focusIs('name', 'code');
    assert.equal(await focused('inputMode'), '');
    await page.keyboard.type(recoveryCodes[0] ?? '');
    await page.keyboard.press('Enter');
    await page.getByText('9 recovery codes left.', { exact: true }).waitFor();
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByText('It is on. 9 recovery codes left.').waitFor();
    // When the session ends under the page, the code is asked for over it too.
    await page.context().clearCookies();
    await part.getByRole('button', { name: 'New recovery codes' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Your password', { exact: true }).fill(web.peer.password);
    await dialog.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await dialog.getByLabel('Recovery code').fill(recoveryCodes[1] ?? '');
    await look('new recovery codes');
    await dialog.getByRole('button', { name: 'Make them' }).click();
    const again = page.getByRole('dialog', { name: 'Sign in again' });
    await again.getByLabel('Password', { exact: true }).fill(web.peer.password);
    await again.getByRole('button', { name: 'Sign in' }).click();
    await again.getByLabel('Code').fill(await code(1));
    await again.getByRole('button', { name: 'Sign in' }).click();
    await dialog.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    const before = recoveryCodes;
    recoveryCodes = await dialog.getByRole('listitem').allTextContents();
    assert.ok(recoveryCodes.length === 10 && !recoveryCodes.some((one) => before.includes(one)));
    await dialog.getByRole('button', { name: 'I have kept them' }).click();
    await part.getByText('It is on. 10 recovery codes left.').waitFor();
  });

  const enterByRecoveryCode = async (): Promise<void> => {
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await page.getByLabel('Recovery code').fill(recoveryCodes.shift() ?? '');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
  };

  test('the password changes, and the second factor ends, with a code', async () => {
    await enterByRecoveryCode();
    const password = page.getByRole('region', { name: 'Password', exact: true });
    await password.getByLabel('Present password', { exact: true }).fill(web.peer.password);
    await password.getByLabel('New password', { exact: true }).fill(web.peer.password);
    await password.getByRole('button', { name: 'Change the password' }).click();
    await password.getByText('Enter a code.').waitFor();
    await password.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await password.getByLabel('Recovery code').fill(recoveryCodes.shift() ?? '');
    await password.getByRole('button', { name: 'Change the password' }).click();
    await page.getByText('Your password is changed.').waitFor();
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByRole('button', { name: 'Turn it off' }).click();
    const dialog = page.getByRole('dialog');
    await look('turning off');
    await dialog.getByLabel('Your password', { exact: true }).fill(web.peer.password);
    await dialog.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await dialog.getByLabel('Recovery code').fill(recoveryCodes.shift() ?? '');
    await dialog.getByRole('button', { name: 'Turn it off' }).click();
    await part.getByText('It is off.').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, ALICE, web.peer.password);
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
  });

  test('an admin removes it for somebody who is locked out', async () => {
    await signIn(page, ALICE, web.peer.password);
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByRole('button', { name: 'Turn it on' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Copy secret' }).click();
    secret = String(await page.evaluate('navigator.clipboard.readText()'));
    await dialog.getByLabel('Code').fill(await code(0));
    await dialog.getByLabel('Your password', { exact: true }).fill(web.peer.password);
    await dialog.getByRole('button', { name: 'Turn it on' }).click();
    await dialog.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, ADMIN, web.peer.password);
    await page.getByRole('heading', { name: ADMIN, level: 1 }).waitFor();
    await page.goto('/admin/accounts');
    await page.getByRole('link', { name: ALICE }).click();
    await page.getByRole('button', { name: 'Remove second factor' }).waitFor();
    await look('admin');
    await page.getByRole('button', { name: 'Remove second factor' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click();
    await page.getByText(`${ALICE} has no second factor any more.`).waitFor();
    await page.getByText('Off. Its owner turns it on.').waitFor();
    const { stdout } = await web.peer.cli(['account', 'second-factor', ALICE, '--json']);
    assert.deepEqual(JSON.parse(stdout), { address: ALICE, enabled: false, recoveryCodes: 0 });
  });
});

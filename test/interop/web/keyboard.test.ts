/** Both pages by keyboard alone: everything can be reached, the focus is always visible and never lost. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Keyboard, Page } from 'playwright-core';
import { until } from '../programs.ts';
import { needsChromium, openPage, startBrowser, type Watched } from './browser.ts';
import { startWebPeer, type WebPeer } from './web-peer.ts';

const ALICE = 'alice@alpha.test';
const ADMIN = 'admin@alpha.test';

describe('the pages by keyboard alone', { skip: needsChromium(), concurrency: 1 }, () => {
  let web: WebPeer;
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  let keyboard: Keyboard;
  before(async () => {
    web = await startWebPeer();
    for (const args of [
      ['app-password', 'add', ALICE, 'Phone'],
      ['alias', 'add', 'sales@alpha.test', ALICE],
    ]) {
      const { code, stderr } = await web.peer.cli(args);
      assert.equal(code, 0, stderr);
    }
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await web?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser, web.origin);
    ({ page } = watched);
    ({ keyboard } = page);
  });
  afterEach(async () => {
    await watched.close();
    assert.deepEqual(watched.faults, []);
  });

  /** Tab until what has the focus is called that. */
  const reach = async (name: RegExp): Promise<void> => {
    const seen: string[] = [];
    for (let steps = 0; steps < 80; steps++) {
      await keyboard.press('Tab');
      const focused = String(
        await page.evaluate(
          '(({ ariaLabel, labels, textContent }) => ariaLabel ?? labels?.[0]?.textContent ?? textContent)(document.activeElement)',
        ),
      );
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
      // Behind the last one the browser's own buttons come, and the body stands for them.
      const outside = await page.evaluate('document.activeElement === document.body');
      if (!outside) assert.notEqual(outline, 'none', `the focus on ${focused} is visible`);
      if (name.test(focused)) return;
      seen.push(focused.slice(0, 40));
    }
    assert.fail(`the keyboard never reaches ${name}: ${seen.join(', ')}`);
  };
  const focusIs = (property: string, value: string): Promise<unknown> =>
    until(
      async () => (await page.evaluate(`document.activeElement.${property}`)) === value,
      `the focus on ${value}`,
      async () => String(await page.evaluate('document.activeElement.outerHTML')),
      10_000,
    );
  const enter = async (path: string, address: string): Promise<void> => {
    await page.goto(path);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await focusIs('name', 'address');
    await keyboard.type(address);
    await keyboard.press('Tab');
    await keyboard.type(web.peer.password);
    await keyboard.press('Enter');
  };
  const fromTheTop = async (): Promise<void> => {
    await keyboard.press('Control+Home');
    await page.evaluate('document.activeElement.blur(); getSelection().removeAllRanges()');
  };

  test('sign in, make an app password, remove it, sign out', async () => {
    await enter('/', ALICE);
    await page.getByRole('button', { name: 'Remove Phone' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement.id'), 'title', 'the focus is where the page begins');
    await reach(/^New app password$/);
    await keyboard.press('Enter');
    await focusIs('name', 'name');
    await keyboard.type('Keyboard');
    await keyboard.press('Enter');
    await focusIs('textContent', 'Done');
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove Keyboard' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'New app password', 'the focus is back');
    await reach(/^Remove Keyboard$/);
    await keyboard.press('Enter');
    await focusIs('textContent', 'Cancel');
    await keyboard.press('Escape');
    await focusIs('ariaLabel', 'Remove Keyboard');
    await keyboard.press('Enter');
    await reach(/^Remove$/);
    await keyboard.press('Enter');
    await focusIs('id', 'app-passwords');
    await fromTheTop();
    await reach(/^Sign out$/);
    await keyboard.press('Enter');
    await focusIs('name', 'address');
  });

  test('as an admin: past the navigation, an account found and opened, suspended and let in, an alias removed, sign out', async () => {
    await enter('/admin', ADMIN);
    await page.getByRole('link', { name: 'alpha.test', exact: true }).waitFor();
    await focusIs('id', 'title');
    await page.goto('/admin/domains');
    await page.getByRole('button', { name: 'Add a domain' }).waitFor();
    await keyboard.press('Tab');
    await focusIs('textContent', 'Skip to the content');
    await keyboard.press('Enter');
    await reach(/^Add a domain$/);

    await fromTheTop();
    await reach(/^Accounts$/);
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    await focusIs('id', 'title');
    await reach(/^Add an account$/);
    await keyboard.press('Enter');
    await focusIs('name', 'address');
    await keyboard.press('Escape');
    await focusIs('textContent', 'Add an account');
    await reach(/^Address contains$/);
    await keyboard.type('alice');
    await keyboard.press('Enter');
    await page.waitForURL('**/admin/accounts?q=alice');
    await page.getByRole('link', { name: ADMIN }).waitFor({ state: 'detached' });
    await reach(/^alice@alpha\.test$/);
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: ALICE, level: 1 }).waitFor();
    await focusIs('id', 'title');

    await page.getByRole('button', { name: 'Suspend' }).waitFor();
    await reach(/^Suspend$/);
    await keyboard.press('Enter');
    await focusIs('textContent', 'Cancel');
    await reach(/^Suspend$/);
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Let in again' }).waitFor();
    await focusIs('textContent', 'Access');
    await reach(/^Let in again$/);
    await keyboard.press('Enter');
    await focusIs('textContent', 'Cancel');
    await reach(/^Let in$/);
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Suspend' }).waitFor();
    await focusIs('textContent', 'Access');

    await fromTheTop();
    await reach(/^Aliases$/);
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove sales@alpha.test' }).waitFor();
    await reach(/^Remove sales@alpha\.test$/);
    await keyboard.press('Enter');
    await focusIs('textContent', 'Cancel');
    await reach(/^Remove$/);
    await keyboard.press('Enter');
    await page.getByText('sales@alpha.test is removed.').waitFor();
    await focusIs('id', 'title');
    await fromTheTop();
    await reach(/^Sign out$/);
    await keyboard.press('Enter');
    await focusIs('name', 'address');
  });
});

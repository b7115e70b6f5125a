/** Each view in light and dark, on a phone and on a desk: axe finds nothing, and nothing is wider than the screen. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { submit } from '#test/support/mail-client.ts';
import { ImapWire } from '#test/support/wire.ts';
import { accessibilityFindings, needsChromium, openPage, startBrowser } from './browser.ts';
import { signIn } from './steps.ts';
import { startWebPeer, type WebPeer } from './web-peer.ts';

/** A folder for pictures of every view, for people to look at. */
const pictures = process.env.PEERPOST_PICTURES;
const ALICE = 'alice@alpha.test';
const ADMIN = 'admin@alpha.test';

describe('how the pages look', { skip: needsChromium(), concurrency: 1 }, () => {
  let web: WebPeer;
  let browser: Browser;
  let connected: ImapWire;
  before(async () => {
    web = await startWebPeer();
    const fill = [
      ['alias', 'add', 'sales@alpha.test', ALICE, 'bob@far.test'],
      ['account', 'quota', ALICE, '2GB'],
      ['account', 'forward', ALICE, 'alice@far.test', '--keep'],
      ['app-password', 'add', ALICE, 'Phone'],
      ['account', 'moved', ALICE, 'alice@beta.test'],
    ];
    for (const args of fill) {
      const { code, stderr } = await web.peer.cli(args);
      assert.equal(code, 0, stderr);
    }
    await submit({ peer: web.peer, address: ALICE }, { to: ['bob@far.test', 'carol@far.test'], subject: 'waits' });
    connected = await ImapWire.open(web.peer.host, web.peer.port(143), ALICE, web.peer.password);
    browser = await startBrowser();
  });
  after(async () => {
    connected?.destroy();
    await browser?.close();
    await web?.close();
  });

  /** @returns what is wrong, each with the name of the view. */
  async function judge(page: Page, name: string, width: number): Promise<string[]> {
    await page.waitForLoadState('networkidle');
    if (pictures !== undefined) {
      await mkdir(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    }
    const wide = Number(await page.evaluate('document.documentElement.scrollWidth'));
    const findings = await accessibilityFindings(page);
    return [...findings, ...(wide > width ? [`it is ${wide} wide`] : [])].map((text) => `${name}: ${text}`);
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1280]) {
      test(`${colorScheme}, ${width} px`, async () => {
        const options = { colorScheme, viewport: { width, height: 900 }, reducedMotion: 'reduce' } as const;
        const { page, faults, close } = await openPage(browser, web.origin, options);
        const wrong: string[] = [];
        const look = async (name: string): Promise<void> => {
          wrong.push(...(await judge(page, `${name}-${colorScheme}-${width}`, width)));
        };
        await page.goto('/');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByText('Enter your address.').waitFor();
        await look('sign-in');
        await signIn(page, ALICE, web.peer.password);
        await page.getByRole('button', { name: 'Remove Phone' }).waitFor();
        await page.getByText('Other ways').click();
        await look('user');
        await page.getByRole('button', { name: 'New app password' }).click();
        await look('dialog');
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'New token' }).click();
        await page.getByRole('dialog').getByLabel('Name').fill(`${colorScheme} ${width}`);
        await page.getByRole('dialog').getByRole('button', { name: 'Make it' }).click();
        await page.getByRole('button', { name: 'Done' }).waitFor();
        await look('secret');
        await page.getByRole('button', { name: 'Done' }).click();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await signIn(page, ADMIN, web.peer.password);
        await page.getByRole('heading', { name: ADMIN }).waitFor();
        for (const view of ['domains', 'accounts', 'aliases', 'queue', 'sessions', 'audit', 'domains/alpha.test']) {
          await page.goto(`/admin/${view}`);
          await page.getByRole('listitem').first().waitFor();
          await look(`admin-${view.replace('/', '-')}`);
        }
        await page.goto('/admin/accounts');
        await page.getByRole('link', { name: ALICE }).click();
        await page.getByRole('button', { name: 'Remove the account' }).waitFor();
        await look('admin-account');
        await page.getByRole('button', { name: 'Remove the account' }).click();
        await look('admin-question');
        await close();
        assert.deepEqual([...wrong, ...faults], []);
      });
    }
  }
});

/** Headless Chromium that a page's manners are watched in: what it complains about, and whom it asks. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { needs } from '../programs.ts';

const given = process.env.PEERPOST_CHROMIUM;

/** For `skip`: false where there is a Chromium, else the reason. */
export const needsChromium = (): string | false => (given === undefined ? needs('chromium') : false);

export function startBrowser(): Promise<Browser> {
  // Without a user namespace, as in most containers, Chromium's sandbox can't start.
  return chromium.launch({ executablePath: given ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
}

export interface Watched {
  readonly page: Page;
  /** Complaints so far: errors of the console and of scripts, violations of the policy, requests to other hosts. */
  readonly faults: readonly string[];
  readonly close: () => Promise<void>;
}

/** A page of its own cookies at `origin`. REST's refusals are answers: a 4xx from there is no fault. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: origin, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on('console', (message) => {
    const refusal = /status of 4\d\d/.test(message.text()) && message.location().url.startsWith(`${origin}/api/v1/`);
    if (['error', 'warning'].includes(message.type()) && !refusal) {
      faults.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.name}: ${error.message} ${error.stack ?? ''}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      faults.push(`asks ${request.url()}`);
  });
  await page.exposeFunction('tellViolation', (text: string) => faults.push(`policy: ${text}`));
  await page.addInitScript({
    content: `addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      tellViolation(effectiveDirective + ' ' + blockedURI));`,
  });
  return { page, faults, close: () => context.close() };
}

let axe: string | undefined;

/** What axe finds wrong in the page as it is, one line a place; empty when nothing. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  axe ??= await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  // By the debugger, which the policy of the page doesn't bind.
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    interface Results {
      violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[];
    }
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<Results> } };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary ?? ''}`),
    );
  });
}

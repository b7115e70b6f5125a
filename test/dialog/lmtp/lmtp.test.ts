/** Every `*.dialog` file here, each against a fresh server. */
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { lmtpTestServer } from './rooms.ts';
import { runScript } from './script.ts';

const options: { readonly [name: string]: Parameters<typeof lmtpTestServer>[0] } = {
  'quota.dialog': { quota: 1000 },
  'limits.dialog': { recipients: 2, messageSize: 200 },
};

for (const name of readdirSync(import.meta.dirname).sort()) {
  if (!name.endsWith('.dialog')) continue;
  test(name, async () => {
    const server = await lmtpTestServer(options[name]);
    await runScript(readFileSync(`${import.meta.dirname}/${name}`, 'utf8'), server);
  });
}

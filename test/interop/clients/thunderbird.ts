/** Thunderbird as a trial starts it: on a display of its own, with a fresh profile, by remote control, and asking nothing of the Internet. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '#test/support/ports.ts';
import type { ClientPeer } from './client-peer.ts';
import { type Display, startDisplay } from './display.ts';
import { Marionette } from './marionette.ts';

export type Preferences = readonly (readonly [name: string, value: string | number | boolean])[];

export interface Thunderbird {
  readonly remote: Marionette;
  readonly display: Display;
  readonly profile: string;
  /** What it has written to its standard output and error so far. */
  output(): string;
  /** Ends the program, whose profile is then complete on disk; the display stays. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Nothing is asked of the Internet, nor of the person. */
const QUIET: Preferences = [
  ['app.update.auto', false],
  ['app.donation.eoy.version.viewed', 999],
  ['datareporting.policy.dataSubmissionEnabled', false],
  ['extensions.update.enabled', false],
  ['mail.rights.version', 1],
  ['mail.shell.checkDefaultClient', false],
  ['mail.spotlight.firstRunDone', true],
  ['mail.winsearch.firstRunDone', true],
  ['mailnews.start_page.enabled', false],
  ['mailnews.start_page.override_url', ''],
  ['network.captive-portal-service.enabled', false],
  ['network.connectivity-service.enabled', false],
  ['services.settings.server', 'http://127.0.0.1:9'],
];

/** @param home the profile is made in it. */
export async function startThunderbird(home: string, preferences: Preferences): Promise<Thunderbird> {
  const profile = join(home, 'profile');
  const port = await freePort();
  const lines = [...QUIET, ...preferences, ['marionette.port', port] as const].map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  await mkdir(profile);
  await writeFile(join(profile, 'user.js'), lines.join(''), { mode: 0o600 });
  const display = await startDisplay();
  const env = { ...process.env, HOME: home, LC_ALL: 'C.UTF-8', DISPLAY: display.name, MOZ_CRASHREPORTER_DISABLE: '1' };
  const args = ['--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile];
  const program = spawn('thunderbird', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [program.stdout, program.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const stop = async (): Promise<void> => {
    if (program.exitCode !== null || program.signalCode !== null) return;
    const gone = once(program, 'exit');
    program.kill('SIGTERM');
    await gone;
  };
  try {
    const remote = await Marionette.connect(port);
    return {
      remote,
      display,
      profile,
      output: () => output,
      stop,
      async close() {
        await stop();
        remote.close();
        await display.close();
      },
    };
  } catch (error) {
    await stop();
    await display.close();
    throw error;
  }
}

/** Pat's password, and our self-signed certificate, for these schemes and ports of `localhost` alone. */
export async function trust(
  thunderbird: Marionette,
  { peer, caFile }: ClientPeer,
  servers: readonly (readonly [scheme: 'imap' | 'pop3' | 'smtp', port: number])[],
): Promise<void> {
  const pem = await readFile(caFile, 'utf8');
  const base64 = pem.replace(/-----[^-]+-----|\s/g, '');
  await thunderbird.run(
    `const [base64, servers, user, password] = args;
     const certificate = Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).constructX509FromBase64(base64);
     const overrides = Cc['@mozilla.org/security/certoverride;1'].getService(Ci.nsICertOverrideService);
     for (const [scheme, port] of servers) {
       overrides.rememberValidityOverride('localhost', port, {}, certificate, false);
       // Thunderbird looks for the password of POP3 under this scheme.
       const origin = (scheme === 'pop3' ? 'mailbox' : scheme) + '://localhost';
       const login = Cc['@mozilla.org/login-manager/loginInfo;1'].createInstance(Ci.nsILoginInfo);
       login.init(origin, null, origin, user, password, '', '');
       await Services.logins.addLoginAsync(login);
     }`,
    base64,
    servers,
    'pat@alpha.test',
    peer.password,
  );
}

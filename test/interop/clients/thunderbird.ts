/** Thunderbird as a trial starts it: on a display of its own, with a fresh profile, by remote control, and asking nothing of the Internet. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '#test/support/ports.ts';
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

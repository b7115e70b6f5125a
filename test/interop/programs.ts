/** Foreign programs: which are installed, how to run them, and how to wait for what they do. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** What may be missing where `PEERPOST_INTEROP_STRICT=1` says that all should be there, by program, with the reason. */
const MAY_BE_MISSING: { readonly [program: string]: string } = {};

/**
 * For `test(..., { skip: needs('swaks') })`: false when all are there, else the reason with the way to install them. With
 * `PEERPOST_INTEROP_STRICT=1` it throws instead, so that continuous integration can't lose a trial unnoticed.
 */
export function needs(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return false;
  const reason = `not installed: ${missing.join(', ')} (apt-get install ${missing.map(packageOf).join(' ')})`;
  return skipFor(reason, missing);
}

export const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** As `needs`, for what must start daemons of its own. */
export function needsRoot(...programs: readonly string[]): string | false {
  if (process.getuid?.() === 0) return needs(...programs);
  return skipFor(`needs root to start ${programs.join(', ')}`, programs);
}

/** Skips with this reason, unless it is strict and one of what is missing has no leave to be. */
export function skipFor(reason: string, missing: readonly string[]): string {
  const strict = process.env.PEERPOST_INTEROP_STRICT === '1';
  const unexpected = missing.filter((program) => MAY_BE_MISSING[program] === undefined);
  if (strict && unexpected.length > 0) throw new Error(`PEERPOST_INTEROP_STRICT: ${reason}`);
  return [reason, ...missing.flatMap((program) => MAY_BE_MISSING[program] ?? [])].join('; ');
}

/** Debian's name of the package, where it differs from the program's. */
const PACKAGES: { readonly [program: string]: string } = {
  mbsync: 'isync',
  offlineimap: 'offlineimap3',
  getmail: 'getmail6',
  dovecot: 'dovecot-imapd',
  import: 'imagemagick',
  Xvfb: 'xvfb',
  'named-checkzone': 'bind9-utils',
};
const packageOf = (program: string): string => PACKAGES[program] ?? program;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runProgram(
  command: string,
  args: readonly string[],
  options: { input?: string | Buffer; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('latin1').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined).end(options.input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}

const WAIT = 60_000;
const LOOK = 100;

/**
 * A foreign program tells nobody when it is done, so its files are looked at until `look` answers something. Fails after a minute, or after `patience`
 * (milliseconds), with `what` and, when given, what `evidence` says.
 */
export async function until<T>(
  look: () => Promise<T | undefined | false>,
  what: string,
  evidence?: () => Promise<string>,
  patience = WAIT,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end)
      throw new Error(
        `waited ${patience / 1000} s for ${what}${evidence ? `\n${(await evidence()).slice(-4000)}` : ''}`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

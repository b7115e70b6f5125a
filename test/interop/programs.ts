/** Foreign programs: which are installed, how to run them, and how to wait for what they do. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** For `test(..., { skip: needs('swaks') })`: false when all are there, else the reason with the way to install them. */
export function needs(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return missing.length === 0
    ? false
    : `not installed: ${missing.join(', ')} (apt-get install ${missing.map(packageOf).join(' ')})`;
}

const packageOf = (program: string): string => ({ mbsync: 'isync' })[program] ?? program;

/** As `needs`, for what must start daemons of its own. */
export function needsRoot(...programs: readonly string[]): string | false {
  return process.getuid?.() === 0 ? needs(...programs) : `needs root to start ${programs.join(', ')}`;
}

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
 * A foreign program tells nobody when it is done, so its files are looked at until `look` answers something. Fails after a minute with
 * `what` and, when given, what `evidence` says.
 */
export async function until<T>(
  look: () => Promise<T | undefined | false>,
  what: string,
  evidence?: () => Promise<string>,
): Promise<T> {
  const end = performance.now() + WAIT;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end)
      throw new Error(`waited a minute for ${what}${evidence ? `\n${(await evidence()).slice(-4000)}` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

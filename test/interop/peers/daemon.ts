/** A foreign server's process: started until it greets, and ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Host } from './submission.ts';

export interface Daemon {
  /** What it said on its standard outputs. */
  output(): string;
  /** SIGTERM, and waits. Processes that it leaves behind are its own trouble. */
  stop(): Promise<void>;
}

const PATIENCE = 30_000;

/** Throws with what it said when it ends, or when nobody greets for half a minute. */
export async function startDaemon(
  command: string,
  args: readonly string[],
  where: Host,
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly uid?: number;
    readonly gid?: number;
  } = {},
): Promise<Daemon> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const gone = once(child, 'close');
  gone.catch(() => undefined);
  const daemon: Daemon = {
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await gone;
    },
  };
  const end = performance.now() + PATIENCE;
  while (!(await greets(where))) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (!ended && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await daemon.stop();
    throw new Error(`${command} ${args.join(' ')} ${ended ? 'ended' : 'does not greet'}: ${output.slice(-3000)}`);
  }
  return daemon;
}

async function greets({ host, port }: Host): Promise<boolean> {
  const socket = connect(port, host);
  try {
    const [greeting] = (await once(socket, 'data', { signal: AbortSignal.timeout(3000) })) as [Buffer];
    return greeting.toString('latin1').startsWith('220');
  } catch {
    // Refused or silent: it does not serve yet.
    return false;
  } finally {
    socket.end('QUIT\r\n');
    socket.on('error', () => undefined);
  }
}

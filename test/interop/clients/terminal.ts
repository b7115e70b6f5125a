/** A program in a terminal of its own (tmux), driven by what its screen shows and never by time. */
import { rm } from 'node:fs/promises';
import { until } from '../programs.ts';
import type { ClientPeer } from './client-peer.ts';

export interface Terminal {
  screen(): Promise<string>;
  /** Waits until the screen shows it; answers the match. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits until the screen no longer shows it. */
  hides(pattern: RegExp): Promise<void>;
  /** Keys by tmux' names: `Enter`, `C-u`, `y`. */
  keys(...names: string[]): Promise<void>;
  /** The text as it is. */
  types(text: string): Promise<void>;
  /** Waits until the program has ended by itself. */
  ended(): Promise<void>;
  close(): Promise<void>;
}

/** @param command for a shell. The screen has 120 columns and 40 lines. */
export async function openTerminal(client: ClientPeer, command: string): Promise<Terminal> {
  const socket = client.path('tmux');
  const tmux = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await client.run('tmux', ['-f', '/dev/null', '-S', socket, ...args]);
    if (code !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return Buffer.from(stdout, 'latin1').toString('utf8');
  };
  const screen = () => tmux('capture-pane', '-p');
  const evidence = async () => `${await screen()}\n${client.peer.log().slice(-1500)}`;
  // What the program says when it ends stays to be read.
  const start = ['set', '-g', 'remain-on-exit', 'on', ';', 'set', '-g', 'escape-time', '0', ';'];
  await tmux(...start, 'new-session', '-d', '-x', '120', '-y', '40', `TERM=screen ${command}`);
  return {
    screen,
    shows: (pattern) =>
      until(async () => pattern.exec(await screen()) ?? undefined, `the screen to show ${pattern}`, evidence),
    hides: async (pattern) =>
      void (await until(async () => !pattern.test(await screen()), `the screen to hide ${pattern}`, evidence)),
    keys: async (...names) => void (await tmux('send-keys', ...names)),
    types: async (text) => void (await tmux('send-keys', '-l', '--', text)),
    ended: async () =>
      void (await until(
        async () => (await tmux('display-message', '-p', '#{pane_dead}')).trim() === '1',
        'its end',
        evidence,
      )),
    async close() {
      await tmux('kill-server');
      await rm(socket, { force: true });
    },
  };
}

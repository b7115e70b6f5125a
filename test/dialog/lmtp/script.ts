/**
 * Runs a scripted dialog. Lines of a script:
 * - `# …` says what the dialog shows (RFC sections);
 * - `C: text` is sent with CRLF; consecutive ones leave in one write, as a pipelining client sends them;
 * - `C> text` is sent as it is, where \\r, \\n and \\0 stand for octets;
 * - `S: text` is one whole line of the server, `*` standing for anything;
 * - `M: address mailbox n` counts the messages in a mailbox;
 * - `P: from to` is the next of what our MTA got;
 * - `S: <end>` means that the server has closed.
 */
import assert from 'node:assert/strict';
import type { MemoryConnection } from '#test/support/memory-connection.ts';
import type { LmtpTestServer } from './rooms.ts';

export async function runScript(script: string, server: LmtpTestServer): Promise<void> {
  const { client, ended } = server.connect();
  const lines = new Lines(client);
  let group = '';
  let passedOn = 0;
  const send = async (): Promise<void> => {
    const text = group;
    group = '';
    if (text !== '') await client.write(text);
  };
  for (const [number, step] of script.split('\n').entries()) {
    const at = `line ${number + 1}: ${step}`;
    const text = step.slice(3);
    if (step === '' || step.startsWith('#')) continue;
    if (step === 'C:') group += '\r\n';
    else if (step.startsWith('C: ')) group += `${text}\r\n`;
    else if (step.startsWith('C> ')) group += text.replace(/\\([rn0])/g, (_, letter: string) => OCTETS[letter] ?? '');
    else if (step.startsWith('S: ')) {
      await send();
      const said = await lines.next();
      assert.ok(matches(text, said ?? '<end>'), `${at}\nthe server said: ${said ?? '<end>'}`);
    } else if (step.startsWith('M: ')) {
      await send();
      const [address = '', mailbox = '', count] = text.split(' ');
      assert.equal((await server.messages(address, mailbox)).length, Number(count), at);
    } else if (step.startsWith('P: ')) {
      await send();
      const next = server.passed[passedOn++];
      assert.equal(next && `${next.from} ${next.to}`, text, at);
    } else assert.fail(`not understood: ${at}`);
  }
  await send();
  await client.end();
  await ended;
}

const OCTETS: Readonly<Record<string, string>> = { r: '\r', n: '\n', '0': '\0' };

function matches(pattern: string, line: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}

class Lines {
  readonly #connection: MemoryConnection;
  #text = '';

  constructor(connection: MemoryConnection) {
    this.#connection = connection;
  }

  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      const chunk = await this.#connection.read();
      if (chunk === null) return undefined;
      this.#text += Buffer.from(chunk).toString('utf8');
    }
  }
}

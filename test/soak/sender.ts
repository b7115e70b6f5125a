/** People who write: every user to every other in all the ways that addresses allow, by nodemailer. */
import { randomBytes, randomInt } from 'node:crypto';
import { createTransport, type Transporter } from 'nodemailer';
import { endpoint, type Peer } from './demo.ts';
import type { Ledger } from './ledger.ts';

export interface User {
  readonly address: string;
  readonly password: string;
  readonly peer: Peer;
}

export interface Route {
  /** Written into the envelope and the To field. */
  readonly to: readonly string[];
  /** Whose mailboxes it must reach. */
  readonly recipients: readonly string[];
}

/** The alias `team` of a domain: its own users and one of the next domain. */
export interface Alias {
  readonly address: string;
  readonly targets: readonly string[];
}

const pick = <T>(items: readonly T[]): T => items[randomInt(items.length)] as T;

export function chooseRoute(sender: User, users: readonly User[], aliases: readonly Alias[]): Route {
  const addresses = users.map((user) => user.address);
  const domain = (address: string): string => address.slice(address.indexOf('@'));
  const local = addresses.filter((address) => domain(address) === domain(sender.address));
  const remote = addresses.filter((address) => domain(address) !== domain(sender.address));
  const plain = (to: readonly string[]): Route => ({ to, recipients: to });
  switch (randomInt(8)) {
    case 0:
    case 1:
      return plain([pick(local)]);
    case 2:
    case 3:
      return plain([pick(remote)]);
    case 4:
      return plain(
        addresses
          .filter(() => randomInt(2) === 0)
          .concat(addresses[0] as string)
          .filter(unique),
      );
    case 5:
      return plain(addresses);
    case 6: {
      const target = pick(addresses);
      return { to: [target.replace('@', '+soak@')], recipients: [target] };
    }
    default: {
      // Whoever stands in the alias and beside it may get two copies, by two ways.
      const alias = pick(aliases);
      const other = addresses.filter((address) => !alias.targets.includes(address)).slice(0, randomInt(2));
      return { to: [alias.address, ...other], recipients: [...alias.targets, ...other] };
    }
  }
}

const unique = (item: string, at: number, all: readonly string[]): boolean => all.indexOf(item) === at;

/** Mostly small; sometimes with an attachment of up to 4 MB. */
function chooseAttachment(): Buffer | undefined {
  const dice = randomInt(200);
  if (dice < 2) return randomBytes(randomInt(1_000_000, 4_000_000));
  if (dice < 40) return randomBytes(randomInt(10, 60_000));
  return undefined;
}

export class Sender {
  readonly #user: User;
  readonly #transport: Transporter;

  constructor(user: User, protocol: 'submission' | 'submissions') {
    this.#user = user;
    const { host, port } = endpoint(user.peer, protocol);
    this.#transport = createTransport({
      host,
      port,
      secure: protocol === 'submissions',
      requireTLS: protocol === 'submission',
      tls: { rejectUnauthorized: false },
      auth: { user: user.address, pass: user.password },
      pool: true,
      maxConnections: 2,
    });
  }

  async send(id: string, { to, recipients }: Route, ledger: Ledger): Promise<void> {
    const content = chooseAttachment();
    const entry = ledger.expect(id, recipients, content);
    try {
      await this.#transport.sendMail({
        from: this.#user.address,
        to: [...to],
        subject: `Soak ${id} – grüße`,
        headers: { 'X-Soak-Id': id },
        text: `${id}\n.\n..dots\n${'words and words '.repeat(randomInt(1, 200))}\n`,
        ...(randomInt(3) === 0 ? { html: `<p>${id}</p>` } : {}),
        ...(content === undefined ? {} : { attachments: [{ filename: 'ä.bin', content }] }),
      });
      entry.answeredAt = performance.now();
    } catch (error) {
      ledger.failures.push(`${this.#user.address} could not send ${id} to ${to.join(', ')}: ${String(error)}`);
    }
  }

  close(): void {
    this.#transport.close();
  }
}

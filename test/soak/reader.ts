/** A person who reads: an imapflow client that idles in INBOX, looks at what comes in, and now and then reads or files it. */
import { createHash } from 'node:crypto';
import { ImapFlow } from 'imapflow';
import { simpleParser } from 'mailparser';
import { endpoint } from './demo.ts';
import type { Ledger } from './ledger.ts';
import type { User } from './sender.ts';

const ID = /^x-soak-id: (\S+)/im;
const ARCHIVE = 'Archive';

export async function connect({ peer, address, password }: User): Promise<ImapFlow> {
  const client = new ImapFlow({
    ...endpoint(peer, 'imaps'),
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: address, pass: password },
    logger: false,
  });
  await client.connect();
  return client;
}

export class Reader {
  readonly #user: User;
  readonly #client: ImapFlow;
  readonly #ledger: Ledger;
  #next = 1;
  #stopping = false;
  #wake: () => void = () => undefined;
  #news = false;
  readonly #running: Promise<void>;

  static async open(user: User, ledger: Ledger): Promise<Reader> {
    const client = await connect(user);
    await client.mailboxOpen('INBOX');
    return new Reader(user, client, ledger);
  }

  private constructor(user: User, client: ImapFlow, ledger: Ledger) {
    this.#user = user;
    this.#client = client;
    this.#ledger = ledger;
    client.on('exists', () => this.#stir());
    client.on('error', (error: unknown) => ledger.failures.push(`${user.address}: connection: ${String(error)}`));
    this.#running = this.#run().catch((error: unknown) => {
      ledger.failures.push(`${user.address}: reading: ${String(error)}`);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stir();
    await this.#running;
    await this.#client.logout();
  }

  #stir(): void {
    this.#news = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#news = false;
      await this.#look();
      if (this.#news) continue;
      const news = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const idle = this.#client.idle();
      await news;
      // A command ends IDLE.
      await this.#client.noop();
      await idle;
    }
  }

  async #look(): Promise<void> {
    const fresh: { uid: number; id: string }[] = [];
    for await (const message of this.#client.fetch(
      `${this.#next}:*`,
      { uid: true, headers: ['x-soak-id'] },
      { uid: true },
    )) {
      // `n:*` always names the last message, even below n (RFC 9051 §9, seq-range).
      if (message.uid < this.#next) continue;
      const id = ID.exec(String(message.headers))?.[1];
      if (id === undefined)
        this.#ledger.failures.push(`${this.#user.address}: UID ${message.uid} is not from the soak`);
      else {
        this.#ledger.see(id, this.#user.address);
        fresh.push({ uid: message.uid, id });
      }
    }
    for (const { uid } of fresh) this.#next = Math.max(this.#next, uid + 1);
    for (const { uid, id } of fresh) {
      if (uid % 10 === 0) await this.#read(uid, id);
      if (uid % 17 === 0) await this.#client.messageMove(String(uid), ARCHIVE, { uid: true });
    }
  }

  /** Reads the whole message and holds the attachment against what was sent. */
  async #read(uid: number, id: string): Promise<void> {
    const message = await this.#client.fetchOne(String(uid), { source: true }, { uid: true });
    if (!message || message.source === undefined) throw new Error(`UID ${uid} cannot be read`);
    const parsed = await simpleParser(message.source, {
      skipTextToHtml: true,
      skipHtmlToText: true,
      skipTextLinks: true,
    });
    const [attachment] = parsed.attachments;
    const sha = attachment === undefined ? undefined : createHash('sha256').update(attachment.content).digest('hex');
    if (sha !== this.#ledger.sent.get(id)?.attachment || !parsed.text?.startsWith(`${id}\n.\n..dots\n`)) {
      this.#ledger.failures.push(`${this.#user.address}: ${id} is damaged`);
    }
    await this.#client.messageFlagsAdd(String(uid), ['\\Seen'], { uid: true });
  }
}

/** How often each message stands in the mailboxes of a user. */
export async function takeStock(user: User): Promise<Map<string, number>> {
  const client = await connect(user);
  const stock = new Map<string, number>();
  for (const mailbox of ['INBOX', ARCHIVE]) {
    const { exists } = await client.mailboxOpen(mailbox, { readOnly: true });
    if (exists === 0) continue;
    for await (const message of client.fetch('1:*', { headers: ['x-soak-id'] })) {
      const id = ID.exec(String(message.headers))?.[1] ?? `(seq ${message.seq} without id)`;
      stock.set(id, (stock.get(id) ?? 0) + 1);
    }
  }
  await client.logout();
  return stock;
}

/** Those who bring mail: peers by DATA and BDAT, people by submission, another MTA by LMTP. Each knows how far its message came. */
import type { TestPeer } from '#test/support/system.ts';
import { type SmtpReply, SmtpWire } from '#test/support/wire.ts';
import type { Fate, Ledger, Sent } from './ledger.ts';

export const PASSWORD_USERS = ['ann', 'ben', 'cat'] as const;
/** Keeps nothing: all goes to the same name at the peer far away. */
export const FORWARDING_USER = 'eve';

export interface SenderRooms {
  readonly peer: TestPeer;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Milliseconds between messages of one sender. */
  readonly pace: number;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sizes that end in a row, in a segment, and in a segment through a spool file. */
function sizeOf(random: () => number): number {
  const dice = random();
  if (dice < 0.7) return 500 + Math.floor(random() * 4_000);
  if (dice < 0.94) return 17_000 + Math.floor(random() * 60_000);
  return 270_000 + Math.floor(random() * 60_000);
}

const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

type Act = (wire: SmtpWire) => Promise<void>;

/** One connection after the other, each used until it breaks; between messages a pause. */
async function keepSending(rooms: SenderRooms, open: () => Promise<SmtpWire>, act: Act): Promise<void> {
  while (!rooms.signal.aborted) {
    let wire: SmtpWire | undefined;
    try {
      wire = await open();
      while (!rooms.signal.aborted) {
        await act(wire);
        await pause(rooms.pace * (0.5 + rooms.random()));
      }
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      await pause(20);
    } finally {
      wire?.destroy();
    }
  }
}

/** Sends until every recipient has been answered with 2xx or given up with 5xx; goes on with the next when the connection breaks. */
class Courier {
  readonly #rooms: SenderRooms;
  readonly #make: () => Sent;
  readonly #deliver: (wire: SmtpWire, sent: Sent, mark: () => void) => Promise<void>;
  #open: Sent | undefined;

  constructor(
    rooms: SenderRooms,
    make: () => Sent,
    deliver: (wire: SmtpWire, sent: Sent, mark: () => void) => Promise<void>,
  ) {
    this.#rooms = rooms;
    this.#make = make;
    this.#deliver = deliver;
  }

  async next(wire: SmtpWire): Promise<void> {
    this.#open ??= this.#make();
    const sent = this.#open;
    let ended = false;
    try {
      await this.#deliver(wire, sent, () => {
        ended = true;
      });
    } catch (error) {
      if (ended) sent.unsure++;
      throw error;
    }
    if (sent.answered.size === sent.to.size) this.#open = undefined;
    else await pause(this.#rooms.pace);
  }
}

async function envelope(wire: SmtpWire, from: string, to: readonly string[]): Promise<void> {
  must(await wire.ask(`MAIL FROM:<${from}>\r\n`), 250);
  for (const one of to) must(await wire.ask(`RCPT TO:<${one}>\r\n`), 250);
}

class Refused extends Error {}

function must(reply: SmtpReply, code: number): void {
  if (reply.code !== code) throw new Refused(reply.text);
}

/** The sender reads each answer: nothing else makes it certain that a message was taken. */
function note(ledger: Ledger, sent: Sent, recipients: Iterable<string>, reply: SmtpReply): void {
  if (reply.code !== 250) return;
  for (const one of recipients) {
    ledger.answered(sent, one, reply.text.includes('Delivered') && sent.to.get(one) === 'local');
  }
}

async function restOf(wire: SmtpWire, sent: Sent): Promise<void> {
  if (sent.answered.size < sent.to.size) must(await wire.ask('RSET\r\n'), 250);
}

/** RFC 5321: DATA. No line of ours begins with a dot. */
export function byData(rooms: SenderRooms): Promise<void> {
  const { peer, ledger, random } = rooms;
  const make = (): Sent =>
    ledger.make('load@far.test', new Map([[pick(random, PASSWORD_USERS), 'local']]), sizeOf(random));
  const courier = new Courier(rooms, make, async (wire, sent, mark) => {
    const [user] = sent.to.keys();
    await envelope(wire, 'load@far.test', [`${user}@${peer.domain}`]);
    must(await wire.ask('DATA\r\n'), 354);
    mark();
    note(ledger, sent, sent.to.keys(), await wire.ask(`${sent.content}.\r\n`));
    await restOf(wire, sent);
  });
  return keepSending(
    rooms,
    () => SmtpWire.open(peer.host, peer.port(25)),
    (wire) => courier.next(wire),
  );
}

/** RFC 3030: BDAT in two chunks, to two people. */
export function byBdat(rooms: SenderRooms): Promise<void> {
  const { peer, ledger, random } = rooms;
  const to = new Map<string, Fate>(PASSWORD_USERS.slice(0, 2).map((user) => [user, 'local']));
  const courier = new Courier(
    rooms,
    () => ledger.make('load@far.test', to, sizeOf(random)),
    async (wire, sent, mark) => {
      await envelope(
        wire,
        'load@far.test',
        [...to.keys()].map((user) => `${user}@${peer.domain}`),
      );
      const half = sent.content.length >> 1;
      must(await wire.ask(`BDAT ${half}\r\n`, sent.content.slice(0, half)), 250);
      mark();
      const rest = sent.content.slice(half);
      note(ledger, sent, sent.to.keys(), await wire.ask(`BDAT ${rest.length} LAST\r\n`, rest));
      await restOf(wire, sent);
    },
  );
  return keepSending(
    rooms,
    () => SmtpWire.open(peer.host, peer.port(25)),
    (wire) => courier.next(wire),
  );
}

/** What `cat` submits goes far away, at times to somebody here too. ENVID names it in the queue. */
export function bySubmission(rooms: SenderRooms, mayBeSlow: () => boolean): Promise<void> {
  const { peer, ledger, random } = rooms;
  const from = `cat@${peer.domain}`;
  const make = (): Sent => {
    const far = pick<Fate>(random, [
      'take',
      'take',
      'take',
      'later',
      'never',
      mayBeSlow() && random() < 0.3 ? 'slow' : 'take',
    ]);
    const to = new Map<string, Fate>([[far, far]]);
    if (random() < 0.2) to.set('ann', 'local');
    return ledger.make(from, to, sizeOf(random));
  };
  const courier = new Courier(rooms, make, async (wire, sent, mark) => {
    must(await wire.ask(`MAIL FROM:<${from}> ENVID=${sent.id}\r\n`), 250);
    for (const [who, fate] of sent.to) {
      must(await wire.ask(`RCPT TO:<${who}@${fate === 'local' ? peer.domain : 'far.test'}>\r\n`), 250);
    }
    must(await wire.ask('DATA\r\n'), 354);
    mark();
    note(ledger, sent, sent.to.keys(), await wire.ask(`${sent.content}.\r\n`));
    await restOf(wire, sent);
  });
  const open = async (): Promise<SmtpWire> => {
    const wire = await SmtpWire.open(peer.host, peer.port(587));
    const plain = Buffer.from(`\0${from}\0${peer.password}`).toString('base64');
    must(await wire.ask(`AUTH PLAIN ${plain}\r\n`), 235);
    return wire;
  };
  return keepSending(rooms, open, (wire) => courier.next(wire));
}

/** Another MTA that delivers into our MDA (RFC 2033): an answer for each recipient. */
export function byLmtp(rooms: SenderRooms): Promise<void> {
  const { peer, ledger, random } = rooms;
  const to = new Map<string, Fate>(PASSWORD_USERS.slice(1).map((user) => [user, 'local']));
  const courier = new Courier(
    rooms,
    () => ledger.make('load@far.test', to, sizeOf(random)),
    async (wire, sent, mark) => {
      const left = [...to.keys()].filter((user) => !sent.answered.has(user));
      await envelope(
        wire,
        'load@far.test',
        left.map((user) => `${user}@${peer.domain}`),
      );
      must(await wire.ask('DATA\r\n'), 354);
      mark();
      const first = await wire.ask(`${sent.content}.\r\n`);
      for (const [i, user] of left.entries()) note(ledger, sent, [user], i === 0 ? first : await wire.reply());
    },
  );
  const open = (): Promise<SmtpWire> => SmtpWire.open(peer.host, peer.port(24), 'LHLO');
  return keepSending(rooms, open, (wire) => courier.next(wire));
}

/** The same for somebody whose mail goes on to a peer far away: what the MTA behind our MDA has taken may be sent twice when no answer came of it. */
export function byLmtpForward(rooms: SenderRooms): Promise<void> {
  const { peer, ledger, random } = rooms;
  const courier = new Courier(
    rooms,
    () => ledger.make('load@far.test', new Map<string, Fate>([[FORWARDING_USER, 'take']]), sizeOf(random)),
    async (wire, sent, mark) => {
      await envelope(wire, 'load@far.test', [`${FORWARDING_USER}@${peer.domain}`]);
      must(await wire.ask('DATA\r\n'), 354);
      mark();
      const reply = await wire.ask(`${sent.content}.\r\n`);
      note(ledger, sent, sent.to.keys(), reply);
      if (reply.code !== 250) sent.unsure++;
    },
  );
  return keepSending(
    rooms,
    () => SmtpWire.open(peer.host, peer.port(24), 'LHLO'),
    (wire) => courier.next(wire),
  );
}

/** What is measured: each row is one thing that a client asks for, timed from the command to its tagged result. */
import { randomBytes } from 'node:crypto';
import type { RawClient } from './client.ts';
import { messageGenerator, RARE_SENDER, RARE_WORD } from './messages.ts';
import type { BenchServer } from './server.ts';

export interface Scale {
  readonly messages: number;
  readonly boxes: number;
}

/** A server under test, with a client that has INBOX selected. */
export interface World {
  readonly server: BenchServer;
  client: RawClient;
}

export interface Row {
  readonly name: string;
  /** How many messages, commands or mailboxes one run handles. */
  count(scale: Scale): number;
  /** Everything is cold each time, and CPU time is not that of the row. */
  readonly restarts?: boolean;
  /** Answers milliseconds of what is measured alone. */
  run(world: World, scale: Scale): Promise<number>;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const some = (scale: Scale, most: number): number => Math.min(most, Math.floor(scale.messages / 10));

/** One command over all messages. */
function overAll(name: string, command: string): Row {
  return { name, count: ({ messages }) => messages, run: ({ client }) => timed(() => client.ask(command)) };
}

const WARM_SELECTS = 200;
const SINGLE_FETCHES = 1_000;
const APPENDS = 200;
const FIELDS = 'FROM TO CC SUBJECT DATE MESSAGE-ID IN-REPLY-TO REFERENCES';

const selectCold: Row = {
  name: 'SELECT cold',
  count: () => 1,
  restarts: true,
  async run(world) {
    world.client.close();
    await world.server.restart();
    world.client = await world.server.connect();
    return timed(() => world.client.ask('SELECT INBOX'));
  },
};

const selectWarm: Row = {
  name: 'SELECT warm',
  count: () => WARM_SELECTS,
  run: ({ client }) =>
    timed(async () => {
      for (let i = 0; i < WARM_SELECTS; i++) await client.ask('SELECT INBOX');
    }),
};

const bodies: Row = {
  name: 'FETCH BODY.PEEK[] of 2,000',
  count: ({ messages }) => Math.min(2_000, messages),
  run: ({ client }, scale) => timed(() => client.ask(`FETCH 1:${Math.min(2_000, scale.messages)} BODY.PEEK[]`)),
};

const singles: Row = {
  name: '1,000 single UID FETCH',
  count: () => SINGLE_FETCHES,
  run: ({ client }, { messages }) =>
    timed(async () => {
      for (let i = 0; i < SINGLE_FETCHES; i++) {
        await client.ask(`UID FETCH ${((i * 7_919) % messages) + 1} (UID FLAGS BODY.PEEK[])`);
      }
    }),
};

/** The flag goes again, in the client's other way of storing, so that every run changes all. */
function storeAll(name: string, item: string): Row {
  return {
    name,
    count: ({ messages }) => messages,
    async run({ client }) {
      const ms = await timed(() => client.ask(`STORE 1:* +${item} (\\Flagged)`));
      await client.ask('STORE 1:* -FLAGS.SILENT (\\Flagged)');
      return ms;
    },
  };
}

const copy: Row = {
  name: 'COPY of 10,000',
  count: (scale) => some(scale, 10_000),
  async run({ client }, scale) {
    const ms = await timed(() => client.ask(`COPY 1:${some(scale, 10_000)} copies`));
    await emptied(client, 'copies');
    return ms;
  },
};

const move: Row = {
  name: 'MOVE of 10,000',
  count: (scale) => some(scale, 10_000),
  async run({ client }, scale) {
    await client.ask(`COPY 1:${some(scale, 10_000)} copies`);
    await client.ask('SELECT copies');
    const ms = await timed(() => client.ask('MOVE 1:* moved'));
    await emptied(client, 'moved');
    return ms;
  },
};

const expunge: Row = {
  name: 'EXPUNGE of 10,000',
  count: (scale) => some(scale, 10_000),
  async run({ client }, scale) {
    await client.ask(`COPY 1:${some(scale, 10_000)} copies`);
    return await emptied(client, 'copies');
  },
};

/** Selects INBOX again afterwards; answers what EXPUNGE alone took. */
async function emptied(client: RawClient, mailbox: string): Promise<number> {
  await client.ask(`SELECT ${mailbox}`);
  await client.ask('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  const ms = await timed(() => client.ask('EXPUNGE'));
  await client.ask('SELECT INBOX');
  return ms;
}

const append: Row = {
  name: 'APPEND, one after the other',
  count: () => APPENDS,
  async run({ client }) {
    const generate = messageGenerator(randomBytes(4).readUInt32LE());
    const commands = Array.from({ length: APPENDS }, (_, n) => {
      const message = generate(n);
      return Buffer.concat([Buffer.from(`APPEND appended (\\Seen) {${message.length}+}\r\n`), message]);
    });
    return timed(async () => {
      for (const command of commands) await client.ask(command);
    });
  },
};

const STATUS_ITEMS = '(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)';

const statuses: Row = {
  name: 'STATUS of 1,000 mailboxes, one after the other',
  count: ({ boxes }) => boxes,
  run: ({ client }, { boxes }) =>
    timed(async () => {
      for (let n = 0; n < boxes; n++) await client.ask(`STATUS box-${n} ${STATUS_ITEMS}`);
    }),
};

const listStatus: Row = {
  name: 'LIST with STATUS of 1,000 mailboxes',
  count: ({ boxes }) => boxes,
  run: ({ client }) => timed(() => client.ask(`LIST "" "box-*" RETURN (STATUS ${STATUS_ITEMS})`)),
};

export const ROWS: readonly Row[] = [
  selectCold,
  selectWarm,
  overAll('FETCH FLAGS', 'FETCH 1:* (FLAGS)'),
  overAll('FETCH ENVELOPE', 'FETCH 1:* (ENVELOPE)'),
  overAll('FETCH BODYSTRUCTURE', 'FETCH 1:* (BODYSTRUCTURE)'),
  overAll('FETCH headers', `FETCH 1:* (BODY.PEEK[HEADER.FIELDS (${FIELDS})])`),
  overAll('FETCH UID FLAGS SIZE ENVELOPE', 'FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE)'),
  bodies,
  singles,
  overAll('SEARCH UNSEEN', 'SEARCH UNSEEN'),
  overAll('SEARCH FROM', `SEARCH FROM "${RARE_SENDER}"`),
  overAll('SEARCH BODY', `SEARCH BODY "${RARE_WORD}"`),
  storeAll('STORE of all, silent', 'FLAGS.SILENT'),
  storeAll('STORE of all', 'FLAGS'),
  copy,
  move,
  expunge,
  append,
  statuses,
  listStatus,
];

/** Made once, beside what `fill` has made. */
export const EXTRA_MAILBOXES = ['copies', 'moved', 'appended'] as const;

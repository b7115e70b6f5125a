/** Commands that are the same everywhere and do next to nothing: RSET, NOOP, VRFY, EXPN, HELP, QUIT (RFC 5321 §4.1.1.5 to §4.1.1.10). */
import { parseAnything, parseNothing } from '#mail/smtp/command.ts';
import { reply } from '#mail/smtp/reply.ts';
import { type Command, defineCommand, EVERY_STATE } from '../command-table.ts';
import { reset } from '../session.ts';

export function rset<R, L>(): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], undefined>({
    allowedIn: EVERY_STATE,
    movesNothing: true,
    parse: parseNothing,
    run: (session) => ({
      reply: reply(250, '0.0', 'Reset'),
      next: session.state === 'connected' ? session : reset(session),
    }),
  });
}

export function noop<R, L>(): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], string>({
    allowedIn: EVERY_STATE,
    movesNothing: true,
    parse: parseAnything,
    run: (session) => ({ reply: reply(250, '0.0', 'Done'), next: session }),
  });
}

/** RFC 5321 §3.5.3: 252 tells nothing about who lives here, and is allowed to. */
export function vrfy<R, L>(): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], string>({
    allowedIn: EVERY_STATE,
    movesNothing: true,
    parse: parseAnything,
    run: (session) => ({ reply: reply(252, '5.0', 'Send some mail, and we shall see'), next: session }),
  });
}

/** RFC 5321 §7.3 lets sites disable it; 502 says so. */
export function expn<R, L>(): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], string>({
    allowedIn: EVERY_STATE,
    movesNothing: true,
    parse: parseAnything,
    run: (session) => ({ reply: reply(502, '5.1', 'Lists are not shown here'), next: session }),
  });
}

/** @param verbs asked for when it runs, since the table it stands in is not finished before. */
export function help<R, L>(verbs: () => readonly string[]): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], string>({
    allowedIn: EVERY_STATE,
    movesNothing: true,
    keywords: () => ['HELP'],
    parse: parseAnything,
    run: (session) => ({ reply: reply(214, '0.0', 'Peerpost speaks', verbs().join(' ')), next: session }),
  });
}

export function quit<R, L>(hostname: string): Command<R, L> {
  return defineCommand<R, L, (typeof EVERY_STATE)[number], undefined>({
    allowedIn: EVERY_STATE,
    parse: parseNothing,
    run: (session) => ({
      reply: reply(221, '0.0', `${hostname} says goodbye`),
      next: session,
      after: { act: 'close' },
    }),
  });
}

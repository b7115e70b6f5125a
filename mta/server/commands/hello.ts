/** EHLO and HELO (RFC 5321 §4.1.1.1). Both reset: §4.1.4. */
import { type Hello, parseHello } from '#mail/smtp/command.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import { announcedKeywords, defineCommand, EVERY_STATE } from '#runtime/smtp/command-table.ts';
import { abandon } from '#runtime/smtp/session.ts';
import type { Login } from '#store/directory.ts';
import type { Recipient } from '../recipients.ts';
import type { MtaCommand, MtaCommandTable, MtaSession } from '../services.ts';

type Every = (typeof EVERY_STATE)[number];

/** @param table asked for when it runs, since this command stands in it. */
export function ehlo(hostname: string, table: () => MtaCommandTable): MtaCommand {
  return defineCommand<Recipient, Login, Every, Hello>({
    allowedIn: EVERY_STATE,
    endsGroup: true,
    movesNothing: true,
    parse: (argument) => parseHello('EHLO', argument),
    run(session, hello, { connection }) {
      const next = greeted(session, hello);
      return { reply: reply(250, undefined, hostname, ...announcedKeywords(table(), connection, next)), next };
    },
  });
}

export function helo(hostname: string): MtaCommand {
  return defineCommand<Recipient, Login, Every, Hello>({
    allowedIn: EVERY_STATE,
    endsGroup: true,
    movesNothing: true,
    parse: (argument) => parseHello('HELO', argument),
    run(session, hello): { reply: Reply; next: MtaSession } {
      return { reply: reply(250, undefined, hostname), next: greeted(session, hello) };
    },
  });
}

function greeted(session: MtaSession, hello: Hello): MtaSession {
  abandon(session);
  return { state: 'greeted', hello, login: session.state === 'connected' ? undefined : session.login };
}

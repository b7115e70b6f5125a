/** The capability line (RFC 9051 §6.1.1, §7.2.2), derived from the table of commands: what has no command isn't announced. */
import type { CapabilityFacts, Command } from './command.ts';

/** RFC 7888 (any literal may be non-synchronizing), and the two revisions of the protocol that all commands serve. */
const BASE = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL+'];

/** Shown before login too: clients that read the capabilities only once, then, never use these otherwise (Python's imaplib: `enable()`, `idle()`). */
const EARLY: ReadonlySet<string> = new Set(['ENABLE', 'IDLE']);

export function capabilityLine(table: Iterable<Command>, facts: CapabilityFacts): string {
  const found = new Set(BASE);
  const state = facts.session.state.name;
  for (const command of table) {
    // Before login little more than what can be used then, so that the greeting stays short; after it everything but logging in.
    const shown = state === 'not-authenticated' ? command.allowedIn.includes(state) : isForUsers(command);
    const { capabilities } = command;
    for (const name of typeof capabilities === 'function' ? capabilities(facts) : capabilities) {
      if (shown || EARLY.has(name)) found.add(name);
    }
  }
  return [...found].join(' ');
}

function isForUsers(command: Command): boolean {
  return command.allowedIn.includes('authenticated') || command.allowedIn.includes('selected');
}

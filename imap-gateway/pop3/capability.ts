/** CAPA's list (RFC 2449 §5, §6), derived from the table of commands: what has no command isn't announced. */
import type { CapabilityFacts, Command } from './command.ts';

export function capabilityList(table: Iterable<Command>, facts: CapabilityFacts): string[] {
  const { policy, session } = facts;
  const list = Array.from(table).flatMap((command) => command.capabilities(facts));
  // RFC 3206 §6: AUTH-RESP-CODE.
  list.push('RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING');
  list.push(policy.expire === 'never' ? 'EXPIRE NEVER' : 'EXPIRE 0');
  if (policy.loginDelay > 0) list.push(`LOGIN-DELAY ${Math.ceil(policy.loginDelay / 1_000)}`);
  // RFC 2449 §6.9: for debugging; strangers need not know.
  if (session.state.name === 'transaction') list.push('IMPLEMENTATION Peerpost');
  return list;
}

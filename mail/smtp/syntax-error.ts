import { AddressSyntaxError } from '../address.ts';
import { type Reply, reply } from './reply.ts';

/** What is wrong with a command line, with the reply that says so. */
export class CommandSyntaxError extends SyntaxError {
  readonly reply: Reply;
  constructor(refusal: Reply) {
    super(refusal.lines.join(' '));
    this.name = 'CommandSyntaxError';
    this.reply = refusal;
  }
}

/** RFC 5321 §4.2.2: 501 for arguments, with X.5.4 unless something more exact is known (RFC 3463 §3.6). */
export function syntaxError(text: string, enhanced = '5.4'): CommandSyntaxError {
  return new CommandSyntaxError(reply(501, enhanced, text));
}

/** Runs a scanner of addresses and answers its complaint: X.1.7 for a sender, X.1.3 for a recipient (RFC 3463 §3.2). */
export function withAddressErrors<T>(enhanced: '1.3' | '1.7', scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    // RFC 6531 §3.5: X.6.7 where the address would need SMTPUTF8.
    if (error.nonAscii)
      throw new CommandSyntaxError(reply(553, '6.7', 'A non-ASCII address needs the SMTPUTF8 parameter'));
    throw new CommandSyntaxError(reply(501, enhanced, `Malformed address: ${error.message}`));
  }
}

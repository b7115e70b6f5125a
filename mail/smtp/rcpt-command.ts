/** RCPT (RFC 5321 §4.1.1.3) with NOTIFY and ORCPT (RFC 3461 §4.1, §4.2). */
import type { ForwardPath, Notify } from '../envelope.ts';
import { scanClause } from './mail-command.ts';
import { formatOrcpt, parseOrcpt } from './orcpt.ts';
import { parseParameters, requireValue, unknownParameter } from './parameters.ts';
import { formatPath, scanForwardPath } from './path.ts';
import { syntaxError, withAddressErrors } from './syntax-error.ts';

export interface RcptSyntax {
  /** DSN was announced: NOTIFY and ORCPT are known. */
  readonly dsn: boolean;
  /** SMTPUTF8 was given with MAIL. */
  readonly utf8: boolean;
  /** As in `MailSyntax`. */
  readonly lenient: boolean;
}

/** `argument` is what follows `RCPT `. Throws `CommandSyntaxError`. */
export function parseRcpt(argument: string, syntax: RcptSyntax): ForwardPath {
  const start = scanClause('TO:', argument, syntax.lenient);
  const { path, end } = withAddressErrors('1.3', () => scanForwardPath(argument, start, { utf8: syntax.utf8 }));
  const found: { -readonly [K in keyof ForwardPath]: ForwardPath[K] } = { address: path };
  for (const [keyword, value] of parseParameters(argument.slice(end))) {
    if (syntax.dsn && keyword === 'NOTIFY') found.notify = parseNotify(requireValue(keyword, value));
    else if (syntax.dsn && keyword === 'ORCPT') found.originalRecipient = parseOrcpt(requireValue(keyword, value));
    else throw unknownParameter(keyword);
  }
  return found;
}

/** The whole line with CRLF. `smtputf8`: the peer announced it. The caller leaves out `notify` and `originalRecipient` for a peer without DSN. */
export function formatRcpt(path: ForwardPath, smtputf8: boolean): string {
  let line = `RCPT TO:${formatPath(path.address)}`;
  if (path.notify !== undefined) line += ` NOTIFY=${formatNotify(path.notify)}`;
  if (path.originalRecipient !== undefined) line += ` ORCPT=${formatOrcpt(path.originalRecipient, smtputf8)}`;
  return `${line}\r\n`;
}

/** RFC 3461 §4.1: NEVER must stand alone. */
function parseNotify(value: string): Notify {
  const words = value.toUpperCase().split(',');
  if (words.length === 1 && words[0] === 'NEVER') return 'never';
  const notify = { success: false, failure: false, delay: false };
  for (const word of words) {
    const key = word.toLowerCase();
    if (key !== 'success' && key !== 'failure' && key !== 'delay') throw syntaxError('Malformed NOTIFY');
    notify[key] = true;
  }
  return notify;
}

function formatNotify(notify: Notify): string {
  if (notify === 'never') return 'NEVER';
  const words = (['success', 'failure', 'delay'] as const).filter((key) => notify[key]);
  // The empty set is what NEVER means.
  return words.length === 0 ? 'NEVER' : words.join(',').toUpperCase();
}

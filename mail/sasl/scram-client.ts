/** The client's end of SCRAM-SHA-256 (RFC 5802, RFC 7677), for tests and for relaying through a server that wants it. */
import { timingSafeEqual } from 'node:crypto';
import { MailError } from '#mail/failure.ts';
import type { ChannelBinding } from './exchange.ts';
import { saslprep } from './saslprep.ts';
import { decodeBase64, encodeName, makeProof, parseAttributes, saltPassword } from './scram.ts';
import { decodeResponse, malformed, NOTHING } from './text.ts';

/** More would let a server keep us busy for minutes. */
const MAX_ITERATIONS = 1_000_000;

export interface ScramClientOptions {
  readonly username: string;
  readonly password: string;
  readonly authzid?: string;
  /** `y`: we could bind, but the server offered no -PLUS. */
  readonly gs2?: 'n' | 'y';
  /** For SCRAM-SHA-256-PLUS. */
  readonly binding?: ChannelBinding;
  random(length: number): Uint8Array;
}

/** Yields responses and receives challenges; returns once the server has proven itself, throws `bad-credentials` when it has not. */
export async function* scramClient(options: ScramClientOptions): AsyncGenerator<Uint8Array, void, Uint8Array> {
  const authzid = options.authzid ? `a=${encodeName(options.authzid)}` : '';
  const { binding } = options;
  const header = `${binding === undefined ? (options.gs2 ?? 'n') : `p=${binding.type}`},${authzid},`;
  const nonce = Buffer.from(options.random(18)).toString('base64');
  const bare = `n=${encodeName(saslprep(options.username) ?? options.username)},r=${nonce}`;

  const serverFirst = decodeResponse(yield Buffer.from(header + bare));
  const { combined, salt, iterations } = parseServerFirst(serverFirst, nonce);
  const salted = await saltPassword(options.password, salt, iterations);
  const bound = Buffer.concat([Buffer.from(header), binding?.data ?? NOTHING]);
  const withoutProof = `c=${bound.toString('base64')},r=${combined}`;
  const { proof, signature } = makeProof(salted, `${bare},${serverFirst},${withoutProof}`);

  const serverFinal = yield Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
  const [[name, value] = ['', '']] = parseAttributes(decodeResponse(serverFinal));
  if (name === 'e') throw new MailError('bad-credentials', `Server refused: ${value}`);
  const got = name === 'v' ? decodeBase64(value) : NOTHING;
  if (got.length !== signature.length || !timingSafeEqual(got, signature)) {
    throw new MailError('bad-credentials', 'Server did not prove that it knows the password');
  }
  yield NOTHING;
}

function parseServerFirst(text: string, nonce: string): { combined: string; salt: Uint8Array; iterations: number } {
  const [r, s, i] = parseAttributes(text);
  if (r?.[0] !== 'r' || s?.[0] !== 's' || i?.[0] !== 'i') throw malformed('SCRAM wants nonce, salt and iterations');
  // RFC 5802 §5.1: the server must add to our nonce.
  if (!r[1].startsWith(nonce) || r[1].length === nonce.length) throw malformed('not our nonce');
  const iterations = Number(i[1]);
  if (!/^[1-9]\d*$/.test(i[1]) || iterations > MAX_ITERATIONS) throw malformed('bad iteration count');
  return { combined: r[1], salt: decodeBase64(s[1]), iterations };
}

/** The server's end of SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677, RFC 9266): a known and an unknown user take the same steps. */
import { timingSafeEqual } from 'node:crypto';
import type { ChannelBinding, SaslContext, SaslExchange } from './exchange.ts';
import { checkProof, decodeBase64, decodeName, hmac, parseAttributes } from './scram.ts';
import { decodeResponse, malformed, NOTHING } from './text.ts';

interface ClientFirst {
  /** `n`, `y` or `p=…`, with the authorization identity: what comes back in `c=`. */
  readonly gs2Header: string;
  readonly binding: string;
  readonly authzid: string;
  readonly username: string;
  readonly nonce: string;
  readonly bare: string;
}

export async function* scramServer<L>(
  initial: Uint8Array | undefined,
  context: SaslContext<L>,
  plus: boolean,
): SaslExchange<L> {
  const first = parseClientFirst(decodeResponse(initial ?? (yield NOTHING)));
  checkBinding(first.binding, context.channelBinding, plus);
  const secret = await context.scram(first.username);
  const nonce = first.nonce + Buffer.from(context.random(18)).toString('base64');
  const serverFirst = `r=${nonce},s=${Buffer.from(secret.salt).toString('base64')},i=${secret.iterations}`;
  const final = parseClientFinal(decodeResponse(yield Buffer.from(serverFirst)));

  const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`;
  // All are tried, so that the time tells nothing of which one it was.
  const [proven] = [secret, ...(secret.others ?? [])].filter((one) =>
    checkProof(one.storedKey, authMessage, final.proof),
  );
  const bound = sameOctets(final.binding, expectedBinding(first.gs2Header, plus ? context.channelBinding : undefined));
  const { username, authzid } = first;
  if (proven?.login === undefined || !bound || final.nonce !== nonce) {
    return { kind: 'scram', username, authzid, login: undefined };
  }
  if (secret.refusal !== undefined) throw secret.refusal;
  // RFC 5802 §5: the server's signature proves to the client that we know its secret. The client answers with nothing.
  const answer = yield Buffer.from(`v=${hmac(proven.serverKey, authMessage).toString('base64')}`);
  if (answer.length > 0) throw malformed('nothing was expected after the SCRAM signature');
  return { kind: 'scram', username, authzid, login: proven.login };
}

/** RFC 5802 §7: client-first-message. */
function parseClientFirst(text: string): ClientFirst {
  const match = /^(n|y|p=[A-Za-z0-9.-]+),(?:a=([^,]+))?,(.*)$/s.exec(text);
  if (match === null) throw malformed('bad SCRAM header');
  const bare = match[3]!;
  const attributes = parseAttributes(bare);
  // §5.1: `m=` announces an extension that must be understood; we know none.
  if (attributes[0]![0] === 'm') throw malformed('SCRAM extension not supported');
  const [user, nonce] = attributes;
  if (user?.[0] !== 'n' || nonce?.[0] !== 'r' || !/^[\x21-\x7e]+$/.test(nonce[1])) {
    throw malformed('SCRAM wants a name and a nonce');
  }
  return {
    gs2Header: text.slice(0, text.length - bare.length),
    binding: match[1]!,
    authzid: match[2] === undefined ? '' : decodeName(match[2]),
    username: decodeName(user[1]),
    nonce: nonce[1],
    bare,
  };
}

/** RFC 5802 §7: client-final-message; the proof is its last attribute. */
function parseClientFinal(text: string): { binding: Buffer; nonce: string; proof: Buffer; withoutProof: string } {
  const attributes = parseAttributes(text);
  const proof = attributes.at(-1)!;
  const [binding, nonce] = attributes;
  if (attributes.length < 3 || binding?.[0] !== 'c' || nonce?.[0] !== 'r' || proof[0] !== 'p') {
    throw malformed('SCRAM wants binding, nonce and proof');
  }
  return {
    binding: decodeBase64(binding[1]),
    nonce: nonce[1],
    proof: decodeBase64(proof[1]),
    withoutProof: text.slice(0, text.lastIndexOf(',')),
  };
}

function checkBinding(flag: string, binding: ChannelBinding | undefined, plus: boolean): void {
  if (plus) {
    if (flag !== `p=${binding?.type}`) throw malformed('channel binding expected');
    return;
  }
  // RFC 5802 §6: `y` from a client that could bind, when we offered it, means that somebody took -PLUS out of our list.
  if (flag.startsWith('p=') || (flag === 'y' && binding !== undefined)) throw malformed('channel binding mismatch');
}

function expectedBinding(gs2Header: string, binding: ChannelBinding | undefined): Buffer {
  const header = Buffer.from(gs2Header, 'utf8');
  return binding === undefined ? header : Buffer.concat([header, binding.data]);
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

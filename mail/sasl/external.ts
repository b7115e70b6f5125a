/**
 * EXTERNAL (RFC 4422 appendix A): who the client is was established outside of SASL, here by who may open the socket; the one response says whom it
 * acts as. Not among `mechanism.ts`: nobody who comes by a port may ever be offered it.
 */
import { decodeResponse, malformed, NOTHING } from './text.ts';

/** Returns the authorization identity. Throws `bad-request`. */
export async function* external(initial: Uint8Array | undefined): AsyncGenerator<Uint8Array, string, Uint8Array> {
  const identity = decodeResponse(initial ?? (yield NOTHING));
  // Appendix A.1: the empty one stands for the client itself, which is a program of ours and no account.
  if (identity === '') throw malformed('EXTERNAL wants the address to act as');
  return identity;
}

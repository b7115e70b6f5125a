/** LOGIN (draft-murchison-sasl-login, never an RFC, but what old clients speak): user name and password as two responses. */
import type { SaslExchange } from './exchange.ts';
import { decodeResponse, malformed } from './text.ts';

// Clients match these words, colon included; some do so without looking at their case, some don't.
const USERNAME = Buffer.from('Username:');
const PASSWORD = Buffer.from('Password:');

export async function* login(initial: Uint8Array | undefined): SaslExchange<never> {
  // Some clients send the user name as an initial response, though the draft knows none.
  const username = decodeResponse(initial ?? (yield USERNAME));
  const password = decodeResponse(yield PASSWORD);
  if (username === '' || password === '') throw malformed('LOGIN wants a user name and a password');
  return { kind: 'password', authzid: '', username, password };
}

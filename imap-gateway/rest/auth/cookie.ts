/**
 * The cookie behind which a page's session stands: a token of kind `session`, HttpOnly, SameSite=Strict. Over https its name has the prefix `__Host-`
 * (RFC 6265bis §4.1.3.2): no other host of the domain can set it. Whoever sends it with an unsafe method must also send its CSRF token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const NAME = 'peerpost';
const HOST_NAME = `__Host-${NAME}`;

/** The token in the header `Cookie`; `undefined` when there is none. */
export function sessionToken(header: string | undefined, https: boolean): string | undefined {
  const wanted = `${https ? HOST_NAME : NAME}=`;
  const pair = (header ?? '').split(';').find((part) => part.trimStart().startsWith(wanted));
  return pair?.trimStart().slice(wanted.length);
}

/** The header `Set-Cookie`; without a token it takes the cookie away. @param seconds how long the browser keeps it. */
export function sessionCookie(token: string | undefined, https: boolean, seconds: number): string {
  const common = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${token === undefined ? 0 : seconds}`;
  return https ? `${HOST_NAME}=${token ?? ''}; ${common}; Secure` : `${NAME}=${token ?? ''}; ${common}`;
}

/** Told to the page alone: it follows from the cookie, which no script can read, and not the other way round. */
export function csrfToken(token: string): string {
  return createHash('sha256').update(`csrf ${token}`).digest('base64url');
}

export function isCsrfToken(given: string | undefined, token: string): boolean {
  const right = Buffer.from(csrfToken(token));
  const sent = Buffer.from(given ?? '');
  return sent.length === right.length && timingSafeEqual(sent, right);
}

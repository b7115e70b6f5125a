/** Which ways to say who one is stand in a 401 (RFC 9110 §15.5.2: it must name one). */
import type { IncomingHttpHeaders } from 'node:http';

const BEARER = 'Bearer realm="peerpost"';
const BASIC = 'Basic realm="peerpost", charset="UTF-8"';

/**
 * Programs that are given a user and a password (wget, Python's urllib) send them only once they were asked for them. Browsers are never asked: they would put
 * their dialog over the page's sign-in, and then send the password along with what other sites make them ask.
 * @param given what the refusal says itself, such as why a token is not taken.
 * @param secure whether a password would be accepted here.
 */
export function challenge(given: string | undefined, headers: IncomingHttpHeaders, secure: boolean): string {
  const browser = headers['sec-fetch-mode'] !== undefined || headers['user-agent']?.startsWith('Mozilla/') === true;
  return secure && !browser ? `${given ?? BEARER}, ${BASIC}` : (given ?? BEARER);
}

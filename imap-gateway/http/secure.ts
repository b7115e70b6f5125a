/** TLS on a connection that was dealt to us: the certificate is asked for at each handshake, because it changes while we run. */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/** RFC 7301 §3.1, as on the wire: one protocol, after its length. */
const ALPN = Buffer.from('\x08http/1.1', 'latin1');

/** The encrypted socket once the handshake is done; `undefined` when it failed and the connection is gone. It doesn't watch the time. */
export function secure(raw: Socket, secureContext: SecureContext): Promise<TLSSocket | undefined> {
  const socket = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ALPN });
  return new Promise((resolve) => {
    const failed = (): void => {
      raw.destroy();
      resolve(undefined);
    };
    // Stays for good: a reset in the middle of a handshake may be told more than once.
    socket.on('error', failed);
    socket.once('close', failed);
    // The end of a client that has gone already is known to the raw socket alone.
    raw.once('end', failed);
    socket.once('secure', () => {
      raw.off('end', failed);
      socket.off('close', failed);
      socket.disableRenegotiation();
      resolve(socket);
    });
    raw.resume();
  });
}

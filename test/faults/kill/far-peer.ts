/** The peer far away, which never dies: it takes, defers once, refuses or always defers, as the recipient's name says. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Fate, Ledger } from './ledger.ts';

export interface FarPeer {
  readonly port: number;
  /** Throws what was wrong with mail that came. */
  check(): void;
  close(): Promise<void>;
}

export async function startFarPeer(ledger: Ledger): Promise<FarPeer> {
  const seen = new Set<string>();
  let failure: unknown;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo({ address }, _session, done) {
      const fate = address.split('@')[0] as Fate;
      if (fate === 'never') done(reply(550, 'nobody of that name'));
      else if (fate === 'slow') done(reply(451, 'not today'));
      else done();
    },
    onData(stream, session, done) {
      const at = Date.now();
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const source = Buffer.concat(chunks).toString('latin1');
        const id = /^Subject: (\S+)\r$/m.exec(source)?.[1] ?? '';
        const to = session.envelope.rcptTo.map(({ address }) => address.split('@')[0] as Fate);
        if (to.includes('later') && !seen.has(id)) {
          seen.add(id);
          done(reply(451, 'later'));
          return;
        }
        try {
          for (const one of to) receive(ledger, one, source, at);
        } catch (error) {
          failure ??= error;
        }
        done();
      });
    },
  });
  // Its clients are killed.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    check() {
      if (failure !== undefined) throw failure;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Reports about mail from here come as well. */
function receive(ledger: Ledger, to: string, source: string, at: number): void {
  if (source.includes('report-type=delivery-status')) ledger.reported(source);
  else ledger.found(to, source, at);
}

const reply = (responseCode: number, text: string): Error => Object.assign(new Error(text), { responseCode });

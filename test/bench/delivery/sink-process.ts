/** Where relayed mail ends: an SMTP receiver as cheap as can be, in a process of its own, which counts and throws away. Its parent says at which addresses. */
import { createServer, type Socket } from 'node:net';

export interface SinkOrder {
  readonly hosts: readonly string[];
  readonly port: number;
}

let received = 0;

process.on('message', (order: SinkOrder | 'count') => {
  if (order === 'count') {
    process.send?.(received);
    return;
  }
  const listening = order.hosts.map(
    (host) =>
      new Promise<void>((resolve) => {
        createServer({ noDelay: true }, (socket) => new Session(socket)).listen(order.port, host, resolve);
      }),
  );
  void Promise.all(listening).then(() => process.send?.('listening'));
});

const END = Buffer.from('\r\n.\r\n');

class Session {
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #content = false;
  /** Octets of a BDAT chunk that are still to come. */
  #octets = 0;
  #last = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      socket.cork();
      while (this.#step());
      socket.uncork();
    });
    socket.on('error', () => socket.destroy());
    socket.write('220 sink.test ESMTP\r\n');
  }

  /** False when more must come. */
  #step(): boolean {
    if (this.#octets > 0) return this.#chunk();
    if (this.#content) return this.#toDot();
    const end = this.#pending.indexOf(10);
    if (end < 0) return false;
    const line = this.#pending.toString('latin1', 0, end).trim().toUpperCase();
    this.#pending = this.#pending.subarray(end + 1);
    this.#command(line);
    return true;
  }

  #chunk(): boolean {
    if (this.#pending.length < this.#octets) {
      this.#octets -= this.#pending.length;
      this.#pending = Buffer.alloc(0);
      return false;
    }
    this.#pending = this.#pending.subarray(this.#octets);
    this.#octets = 0;
    this.#taken(this.#last);
    return true;
  }

  #toDot(): boolean {
    const end = this.#pending.indexOf(END);
    if (end < 0) return false;
    this.#pending = this.#pending.subarray(end + END.length);
    this.#content = false;
    this.#taken(true);
    return true;
  }

  #taken(message: boolean): void {
    if (message) received += 1;
    this.#socket.write('250 2.0.0 Taken\r\n');
  }

  #command(line: string): void {
    if (line.startsWith('EHLO')) {
      this.#socket.write('250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n');
    } else if (line === 'DATA') {
      this.#content = true;
      this.#socket.write('354 Go on\r\n');
    } else if (line.startsWith('BDAT ')) {
      this.#octets = Number(line.split(' ')[1]);
      this.#last = line.endsWith(' LAST');
      if (this.#octets === 0) this.#taken(this.#last);
    } else if (line === 'QUIT') this.#socket.end('221 2.0.0 Goodbye\r\n');
    else this.#socket.write('250 2.0.0 Fine\r\n');
  }
}

/** Mail handed in over SMTP by hand, with the parameters and octets that a trial wants. */
import { createTransport } from 'nodemailer';
import { type SmtpReply, SmtpWire } from '#test/support/wire.ts';

export interface Host {
  readonly host: string;
  readonly port: number;
}

export interface Envelope {
  readonly from: string;
  /** After the path of MAIL: `BODY=8BITMIME RET=HDRS`. */
  readonly mail?: string;
  readonly to: readonly string[];
  /** After the path of each RCPT. */
  readonly rcpt?: string;
  /** Sends the content as it is, by BDAT (RFC 3030). */
  readonly bdat?: boolean;
}

/** Throws unless everything was taken. A login is said in the clear: loopback only. */
export async function handIn(
  server: Host & { readonly login?: { readonly user: string; readonly password: string } },
  envelope: Envelope,
  content: Buffer,
): Promise<void> {
  const smtp = await SmtpWire.open(server.host, server.port);
  try {
    if (server.login !== undefined) {
      const { user, password } = server.login;
      must(await smtp.ask(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}\r\n`));
    }
    must(await smtp.ask(line(`MAIL FROM:<${envelope.from}>`, envelope.mail)));
    for (const to of envelope.to) must(await smtp.ask(line(`RCPT TO:<${to}>`, envelope.rcpt)));
    if (envelope.bdat === true) must(await smtp.ask(`BDAT ${content.length} LAST\r\n`, content));
    else {
      must(await smtp.ask('DATA\r\n'));
      must(await smtp.ask(stuffed(content), '.\r\n'));
    }
  } finally {
    await smtp.close();
  }
}

/** The same over implicit TLS with a login, by nodemailer, which leaves the parameters to itself. */
export async function handInOverTls(
  server: Host & { readonly login: { readonly user: string; readonly password: string } },
  { from, to, mail }: Envelope,
  content: Buffer,
): Promise<void> {
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: server.login.user, pass: server.login.password },
  });
  try {
    const use8BitMime = mail?.includes('8BITMIME') === true;
    await transport.sendMail({ envelope: { from, to: [...to], use8BitMime }, raw: content });
  } finally {
    transport.close();
  }
}

const line = (command: string, parameters = ''): Buffer => Buffer.from(`${`${command} ${parameters}`.trimEnd()}\r\n`);

/** RFC 5321 §4.5.2. */
const stuffed = (content: Buffer): Buffer =>
  Buffer.from(`\r\n${content.toString('latin1')}`.replaceAll('\r\n.', '\r\n..').slice(2), 'latin1');

function must(reply: SmtpReply): void {
  if (reply.code >= 400) throw new Error(`refused: ${reply.text}`);
}

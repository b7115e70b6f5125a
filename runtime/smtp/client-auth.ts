/** How our client logs in (RFC 4954): the strongest mechanism that the server has, and only where nobody can listen. */
import { MailError } from '#mail/failure.ts';
import { formatPlain } from '#mail/sasl/plain.ts';
import { scramClient } from '#mail/sasl/scram-client.ts';
import { decodeBase64 } from '#mail/smtp/command.ts';
import { isPositive, type Reply } from '#mail/smtp/reply.ts';
import { ClientError } from './client-types.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** On a Unix socket that only our own programs can open: the address of the account. */
export interface ActAs {
  readonly actAs: string;
}

/** RFC 4422 appendix A. Throws `ClientError`. */
export async function actAs(say: AuthChannel['say'], identity: ActAs): Promise<void> {
  const answer = await say(`AUTH EXTERNAL ${base64(Buffer.from(identity.actAs))}`);
  if (answer.code !== 235) throw new ClientError('auth', answer);
}

export interface AuthChannel {
  /** Mechanisms that the server announced, upper case. */
  readonly mechanisms: readonly string[];
  /** RFC 9266; absent where the connection can't be bound to. */
  readonly exported: Uint8Array | undefined;
  random(length: number): Uint8Array;
  /** Sends a line and answers the reply. */
  readonly say: (line: string) => Promise<Reply>;
}

/** Throws `ClientError`: with the reply of a refusal, or with a `MailError` as its cause where there is no mechanism in common or the server can't prove itself. */
export async function logIn(channel: AuthChannel, credentials: Credentials): Promise<void> {
  let answer: Reply;
  try {
    answer = await authenticate(channel, credentials);
  } catch (cause) {
    if (cause instanceof ClientError) throw cause;
    throw new ClientError('auth', undefined, { cause });
  }
  if (answer.code !== 235) throw new ClientError('auth', answer);
}

async function authenticate(channel: AuthChannel, credentials: Credentials): Promise<Reply> {
  const { mechanisms, exported } = channel;
  if (exported !== undefined && mechanisms.includes('SCRAM-SHA-256-PLUS')) {
    return scram(channel, 'SCRAM-SHA-256-PLUS', credentials);
  }
  if (mechanisms.includes('SCRAM-SHA-256')) return scram(channel, 'SCRAM-SHA-256', credentials);
  if (mechanisms.includes('PLAIN'))
    return channel.say(`AUTH PLAIN ${base64(formatPlain({ authzid: '', ...credentials }))}`);
  if (mechanisms.includes('LOGIN')) return login(channel, credentials);
  throw new MailError('unsupported', 'The server has no mechanism that we have');
}

/** Obsolete, and all that some large submission services have. */
async function login({ say }: AuthChannel, { username, password }: Credentials): Promise<Reply> {
  let answer = await say('AUTH LOGIN');
  for (const word of [username, password]) {
    if (answer.code !== 334) break;
    answer = await say(base64(Buffer.from(word)));
  }
  return answer;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function scram(channel: AuthChannel, mechanism: string, credentials: Credentials): Promise<Reply> {
  const { exported } = channel;
  const exchange = scramClient({
    ...credentials,
    // RFC 5802 §6: `y` lets a server find out that somebody took -PLUS out of its list.
    gs2: exported === undefined ? 'n' : 'y',
    ...(mechanism.endsWith('-PLUS') && exported && { binding: { type: 'tls-exporter', data: exported } }),
    random: (length) => channel.random(length),
  });
  const next = async (challenge?: Reply): Promise<string> => {
    const octets = decodeBase64(challenge?.lines[0] ?? '') ?? new Uint8Array(0);
    const step = await exchange.next(octets);
    return base64(step.value ?? new Uint8Array(0));
  };
  const first = await channel.say(`AUTH ${mechanism} ${await next()}`);
  if (first.code !== 334) return unproven(first);
  const proof = await channel.say(await next(first));
  if (proof.code !== 334) return unproven(proof);
  return channel.say(await next(proof));
}

/** A server that lets us in before it has proven itself may be anybody. */
function unproven(answer: Reply): Reply {
  if (isPositive(answer)) throw new MailError('bad-credentials', 'The server did not prove that it knows the password');
  return answer;
}

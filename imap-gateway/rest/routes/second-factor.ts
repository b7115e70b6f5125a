/** The second factor of the caller's own account. Whoever changes it shows the password, and a code of it. */
import Type from 'typebox';
import { renderSVG } from 'uqr';
import {
  enableSecondFactor,
  refuseWhereOn,
  removeSecondFactor,
  renewRecoveryCodes,
  showSecondFactor,
} from '#admin/second-factor.ts';
import { formatTotpSecret, matchTotp, readTotpCode, readTotpSecret, TOTP_SECRET_OCTETS, totpUri } from '#store/totp.ts';
import { Code, confirmPassword, WRONG_CODE } from '../auth/confirm.ts';
import { accountOf, by, type Caller } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import type { RestServices } from '../services.ts';

export const SecondFactor = Type.Object(
  {
    enabled: Type.Boolean(),
    recoveryCodes: Type.Integer({ description: 'How many are left.' }),
  },
  { title: 'SecondFactor' },
);

const Offer = Type.Object(
  {
    secret: Type.String({ description: 'In base32, for who can’t scan the code.' }),
    uri: Type.String({ description: '`otpauth://totp/…`: what authenticator programs read.' }),
    qr: Type.String({ description: 'The URI as a QR code: an SVG.' }),
  },
  { title: 'SecondFactorOffer' },
);

const RecoveryCodes = Type.Object(
  {
    recoveryCodes: Type.Array(Type.String(), { description: 'Shown this once. Each counts once, in place of a code.' }),
  },
  { title: 'RecoveryCodes' },
);

const Password = Type.String({ minLength: 1, maxLength: 1024, description: 'The account’s own.' });
const url = '/account/second-factor';
const tag = 'Second factor';

export function secondFactorRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url,
    scope: 'account',
    tag,
    summary: 'Whether it is on',
    operationId: 'getSecondFactor',
    response: SecondFactor,
    run: ({ caller, services }) => showSecondFactor(services, accountOf(caller).address),
  });
  enrolment(routes);
  removal(routes);
}

function enrolment(routes: Routes): void {
  routes.add({
    method: 'POST',
    url,
    scope: 'account',
    tag,
    summary: 'A new secret for an authenticator program',
    description:
      'RFC 6238 with SHA-1, six digits, 30 seconds. Nothing is kept and nothing changes before `PUT` shows the secret again, with a code of it.',
    operationId: 'offerSecondFactor',
    response: Offer,
    failures: ['exists'],
    async run({ caller, services }) {
      const { address } = await withoutFactor(caller, services);
      const secret = services.random.bytes(TOTP_SECRET_OCTETS);
      const uri = totpUri(secret, services.config.hostname, address);
      return { secret: formatTotpSecret(secret), uri, qr: renderSVG(uri, { border: 4, pixelSize: 4 }) };
    },
  });

  routes.add({
    method: 'PUT',
    url,
    scope: 'account',
    tag,
    summary: 'Turn it on',
    description:
      'From then on the password alone opens nothing: pages ask for a code too, IMAP, POP3, SMTP and Basic authentication take app passwords alone. App passwords and tokens stay; sessions of pages end, but for the one that asks.',
    operationId: 'enableSecondFactor',
    body: Type.Object({
      secret: Type.String({ maxLength: 64, description: 'Of `POST`.' }),
      code: Type.String({ maxLength: 16, description: 'The six digits that the program shows now.' }),
      password: Password,
    }),
    response: RecoveryCodes,
    failures: ['exists'],
    async run({ body, caller, exchange, services }) {
      const { address } = await withoutFactor(caller, services);
      const secret = readTotpSecret(body.secret);
      if (secret === undefined) throw refused('/body/secret', 'This is no secret of ours');
      await confirmPassword(services, caller, exchange, body.password);
      const digits = readTotpCode(body.code);
      const step = digits && matchTotp(secret, digits, services.clock.now());
      // Whoever asks knows the secret: there is nothing to guess.
      if (typeof step !== 'number') throw refused('/body/code', WRONG_CODE);
      const keep = caller.how === 'session' ? caller.token?.id : undefined;
      const wanted = { address, secret, step, ...(keep !== undefined && { keep }) };
      return { recoveryCodes: await enableSecondFactor(services, wanted, by(caller)) };
    },
  });
}

function removal(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: `${url}/recovery-codes`,
    scope: 'account',
    tag,
    summary: 'New recovery codes',
    description: 'Those before work no longer.',
    operationId: 'renewRecoveryCodes',
    body: Type.Object({ password: Password, code: Code }),
    response: RecoveryCodes,
    failures: ['conflict', 'second-factor-required'],
    async run({ body, caller, exchange, services }) {
      const { address } = accountOf(caller);
      await confirmPassword(services, caller, exchange, body.password, body.code);
      return { recoveryCodes: await renewRecoveryCodes(services, { address }, by(caller)) };
    },
  });

  routes.add({
    method: 'DELETE',
    url,
    scope: 'account',
    tag,
    summary: 'Turn it off',
    operationId: 'removeSecondFactor',
    body: Type.Object({ password: Password, code: Code }),
    failures: ['second-factor-required'],
    async run({ body, caller, exchange, services }) {
      await confirmPassword(services, caller, exchange, body.password, body.code);
      await removeSecondFactor(services, accountOf(caller).address, by(caller));
    },
  });
}

/** @throws MailError `exists` where it is on. */
async function withoutFactor(
  caller: Caller,
  { directory }: Pick<RestServices, 'directory'>,
): Promise<NonNullable<Caller['account']>> {
  const own = accountOf(caller);
  const account = await directory.account(own.id);
  if (account !== undefined) refuseWhereOn(account);
  return own;
}

function refused(path: string, message: string): HttpProblem {
  return new HttpProblem('bad-request', message, { errors: [{ path, message }] });
}

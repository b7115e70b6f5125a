/** What a mail program or a phone must know to reach the caller's account: what `peerpost client-setup` prints. */
import Type from 'typebox';
import { renderSVG } from 'uqr';
import { addressSettings, type ClientSettings, profileLink } from '#admin/setup/settings.ts';
import { accountOf, type Caller } from '../callers.ts';
import { Content } from '../content.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { EmailAddress } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const ClientServer = Type.Object(
  {
    protocol: Type.Enum(['imaps', 'imap', 'pop3s', 'pop3', 'submissions', 'submission']),
    host: Type.String(),
    port: Type.Integer(),
    security: Type.Enum(['tls', 'starttls']),
  },
  { title: 'ClientServer' },
);

const ClientSetup = Type.Object(
  {
    address: EmailAddress,
    incoming: Type.Array(ClientServer, { description: 'The best first.' }),
    outgoing: Type.Array(ClientServer),
    profile: Type.Union([Type.String(), Type.Null()], {
      description: 'Where iPhone, iPad and Mac get their profile; null where the web is not served to them.',
    }),
  },
  { title: 'ClientSetup' },
);

export function clientSetupRoutes(routes: Routes): void {
  const tag = 'Account';
  routes.add({
    method: 'GET',
    url: '/account/client-setup',
    scope: 'any',
    tag,
    summary: 'How mail programs reach the account',
    description: 'The user name is the whole address.',
    operationId: 'getClientSetup',
    response: ClientSetup,
    failures: ['not-permitted'],
    run({ caller, services }) {
      const settings = settingsOf(caller, services);
      const { incoming, outgoing } = settings;
      return { address: accountOf(caller).address, incoming, outgoing, profile: profileLink(settings) ?? null };
    },
  });

  routes.add({
    method: 'GET',
    url: '/account/client-setup/qr.svg',
    scope: 'any',
    tag,
    summary: 'A QR code of the link to the profile',
    operationId: 'getClientSetupCode',
    produces: ['image/svg+xml'],
    failures: ['not-permitted', 'not-found'],
    run({ caller, services }) {
      const link = profileLink(settingsOf(caller, services));
      if (link === undefined)
        throw new HttpProblem('not-found', 'There is no profile: the web is not served from here');
      // Cameras want dark on light, and an edge of four modules (ISO/IEC 18004 §6.3.8).
      const body = renderSVG(link, { border: 4, pixelSize: 4 });
      return new Content({ type: 'image/svg+xml', body, headers: { 'cache-control': 'private, no-cache' } });
    },
  });
}

function settingsOf(caller: Caller, { config }: RestServices): ClientSettings {
  return addressSettings(config, accountOf(caller).address);
}

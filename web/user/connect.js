/** How a phone or a program is set up. */
import { html } from '../lib/html.js';
import { useResource } from '../lib/resource.js';
import { Copy, Loaded, Section } from '../ui/parts.js';

/** @typedef {{ protocol: 'imaps' | 'imap' | 'pop3s' | 'pop3' | 'submissions' | 'submission', host: string, port: number, security: 'tls' | 'starttls' }} Server */
/** @typedef {{ address: string, incoming: readonly Server[], outgoing: readonly Server[], profile: string | null }} Setup */

const NAMES = { imaps: 'IMAP', imap: 'IMAP', pop3s: 'POP3', pop3: 'POP3', submissions: 'SMTP', submission: 'SMTP' };

/** @param {{ secondFactor?: boolean }} props */
export function Connect({ secondFactor }) {
  /** @type {import('../lib/resource.js').Resource<Setup>} */
  const setup = useResource('/account/client-setup');
  const intro =
    'Thunderbird, Outlook and most others need your address and a password. They find the rest by themselves.';
  return html`<${Section} title="Connect a phone or program" intro=${intro}>
    <${Loaded} of=${setup} what="your servers">${setup.data && html`<${Ways} ...${setup.data} secondFactor=${secondFactor} />`}<//>
  <//>`;
}

/** @param {Setup & { secondFactor?: boolean }} props */
function Ways({ address, incoming, outgoing, profile, secondFactor }) {
  const [get] = incoming;
  const [send] = outgoing;
  const others = [...incoming.slice(1), ...outgoing.slice(1)];
  return html`
    ${profile !== null && html`<${Apple} profile=${profile} />`}
    <h3>By hand</h3>
    ${!get && !send && html`<p class="empty">This server is not open to mail programs.</p>`}
    <dl class="facts">
      <div><dt>User name</dt><dd><code>${address}</code> <${Copy} text=${address} what="user name" /></dd></div>
      <div><dt>Password</dt><dd>An app password, made below${!secondFactor && ', or your own'}</dd></div>
      ${get && html`<${Line} title="Incoming mail" server=${get} />`} ${send && html`<${Line} title="Outgoing mail" server=${send} />`}
    </dl>
    ${
      others.length > 0 &&
      html`<details>
        <summary>Other ways</summary>
        <dl class="facts">
          ${others.map((server) => html`<${Line} key=${server.protocol} title=${server.protocol.startsWith('sub') ? 'Outgoing mail' : 'Incoming mail'} server=${server} />`)}
        </dl>
      </details>`
    }
  `;
}

/** @param {{ title: string, server: Server }} props */
function Line({ title, server: { protocol, host, port, security } }) {
  return html`<div>
    <dt>${title}</dt>
    <dd>
      ${NAMES[protocol]} at <code>${host}</code> <${Copy} text=${host} what=${`${title}: server`} />
      <br />port <code>${port}</code>, ${security === 'tls' ? 'SSL/TLS' : 'STARTTLS'}
    </dd>
  </div>`;
}

/** @param {{ profile: string }} props */
function Apple({ profile }) {
  return html`<h3>iPhone, iPad, Mac</h3>
    <div class="phone">
      <img src="/api/v1/account/client-setup/qr.svg" width="168" height="168" alt="QR code: the profile for this account" />
      <div>
        <p>Point the camera at the code, download the profile, and install it in Settings. It asks for a password; an app password is best.</p>
        <p><a class="button" href=${new URL(profile).pathname + new URL(profile).search} download>Download the profile</a></p>
      </div>
    </div>`;
}

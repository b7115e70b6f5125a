import { session } from '../lib/api.js';
import { html } from '../lib/html.js';
import { useResource } from '../lib/resource.js';
import { useTitle } from '../lib/route.js';
import { useShared } from '../lib/state.js';
import { Loaded } from '../ui/parts.js';
import { Gate } from '../ui/session.js';
import { AppPasswords } from './app-passwords.js';
import { Connect } from './connect.js';
import { Forward } from './forward.js';
import { Password } from './password.js';
import { Room } from './room.js';
import { SecondFactor } from './second-factor.js';
import { Tokens } from './tokens.js';

/** @typedef {{ id: string, address: string, secondFactor: boolean, forward?: import('./forward.js').ForwardSetting, moved?: import('../admin/accounts.js').Moved, quota: import('./room.js').Quota }} Account */

export function UserPage() {
  return html`<${Gate}><${Account} /><//>`;
}

function Account() {
  const now = useShared(session);
  const address = now?.account?.address ?? '';
  useTitle(address);
  /** @type {import('../lib/resource.js').Resource<Account>} */
  const account = useResource('/account');
  // A session that an app password opened may read and send mail, and leave the account as it is.
  const whole = now?.scopes.includes('account');
  return html`
    <div class="title">
      <h1 id="title" tabindex="-1">${address}</h1>
      <${Loaded} of=${account} what="your account">${account.data && html`<${Room} quota=${account.data.quota} />${account.data.moved && html`<${MovedAway} ...${account.data.moved} />`}`}<//>
    </div>
    <${Connect} secondFactor=${account.data?.secondFactor} />
    ${
      whole
        ? html`
            <${AppPasswords} path="/account/app-passwords" />
            <${Forward} account=${account} />
            <${Password} secondFactor=${account.data?.secondFactor} />
            <${SecondFactor} address=${address} onChange=${account.reload} />
            <${Tokens} />
          `
        : html`<p class="empty">You signed in with an app password. To change the account, sign in with its own password.</p>`
    }
  `;
}

/** @param {import('../admin/accounts.js').Moved} props */
function MovedAway({ to, how }) {
  const where = how === 'forward' ? `New mail goes on to ${to}` : `New mail is refused, and senders are told ${to}`;
  return html`<p class="state">This account has moved. ${where}; nothing new is kept here.</p>`;
}

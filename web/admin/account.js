/** One account, and what an admin sets of it. */
import { request } from '../lib/api.js';
import { date, readSize, size } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useResource } from '../lib/resource.js';
import { go, Link } from '../lib/route.js';
import { confirm } from '../ui/dialog.js';
import { AddressField, Check, Field, Form, PasswordField, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { focusOn, Loaded, Section } from '../ui/parts.js';
import { AppPasswords } from '../user/app-passwords.js';
import { ForwardForm } from '../user/forward.js';
import { newPasswordCheck } from '../user/password.js';
import { Room } from '../user/room.js';
import { Marks } from './accounts.js';
import { Heading } from './heading.js';
import { MovedAway } from './moved.js';

/** @typedef {import('./accounts.js').Account & { quota?: import('../user/room.js').Quota, aliases: readonly string[] }} Details */
/** @typedef {import('./accounts.js').Change} Change */

/** @param {{ name: string }} props */
export function AccountView({ name }) {
  const path = `/admin/accounts/${encodeURIComponent(name)}`;
  /** @type {import('../lib/resource.js').Resource<Details>} */
  const account = useResource(path);
  const known = account.data;
  /** @type {Change} */
  const change = async (changes, done) => {
    await request('PATCH', path, changes);
    await account.reload();
    say(done);
  };
  return html`
    <${Heading} title=${known?.address ?? 'Account'} above=${html`<${Link} to="/admin/accounts">Accounts<//>`}>
      ${
        known &&
        html`
        <${Marks} account=${known} />
        ${known.quota && html`<${Room} quota=${known.quota} />`}
        <p>Since ${date(known.createdAt)}${known.aliases.length > 0 && ` · also gets mail for ${known.aliases.join(', ')}`}</p>
      `
      }
    <//>
    <${Loaded} of=${account} what="the account">
      ${
        known &&
        html`
        <${Entry} account=${known} path=${path} change=${change} reload=${account.reload} />
        <${Limit} quota=${known.quota} change=${change} />
        <${NewPassword} path=${path} address=${known.address} />
        <${AppPasswords} path=${`${path}/app-passwords`} />
        <${Section} id="forward" title="Forward" intro="Its owner sees and changes this too.">
          <${ForwardForm} forward=${known.forward} save=${async (/** @type {unknown} */ forward) => change({ forward }, 'Saved.')} />
        <//>
        <${Rename} address=${known.address} change=${change} />
        <${MovedAway} address=${known.address} moved=${known.moved} change=${change} />
        <${Removal} path=${path} address=${known.address} />
      `
      }
    <//>
  `;
}

/** @param {{ account: Details, path: string, change: Change, reload: () => Promise<void> }} props */
function Entry({ account: { address, suspended, admin, secondFactor }, path, change, reload }) {
  // The button that was pressed is another one then.
  const after = () => focusOn('access');
  const suspend = () =>
    confirm({
      title: `Suspend ${address}?`,
      text: 'Nobody can sign in or send as this account, and what it has open ends. Mail still comes in.',
      act: 'Suspend',
      run: () => change({ suspended: true }, `${address} is suspended.`),
      after,
    });
  const promote = () =>
    confirm({
      title: `Make ${address} an admin?`,
      text: 'An admin can change everything on this server: domains, accounts and their passwords.',
      act: 'Make admin',
      run: () => change({ admin: true }, `${address} is an admin.`),
      after,
    });
  const demote = () =>
    confirm({
      title: `Take the admin’s rights from ${address}?`,
      text: 'The account itself stays as it is. Its tokens lose these rights too.',
      act: 'Take them',
      run: () => change({ admin: false }, `${address} is no longer an admin.`),
      after,
    });
  const resume = () =>
    confirm({
      title: `Let ${address} in again?`,
      text: 'Its owner can sign in and send again, with the same passwords.',
      act: 'Let in',
      run: () => change({ suspended: false }, `${address} can sign in again.`),
      after,
    });
  const unlock = () =>
    confirm({
      title: `Remove the second factor of ${address}?`,
      text: 'For somebody who has lost the phone and the recovery codes: the password alone opens the account then. Make sure that it is its owner who asks.',
      act: 'Remove it',
      async run() {
        await request('DELETE', `${path}/second-factor`);
        await reload();
        say(`${address} has no second factor any more.`);
      },
      after,
    });
  return html`<${Section} id="access" title="Access">
    <ul class="rows">
      <li>
        <div><strong>Signing in</strong><p>${suspended ? 'Suspended: nobody can sign in or send. Mail still comes in.' : 'Allowed.'}</p></div>
        ${suspended ? html`<button key="resume" onClick=${resume}>Let in again</button>` : html`<button key="suspend" class="danger" onClick=${suspend}>Suspend</button>`}
      </li>
      <li>
        <div><strong>Admin</strong><p>${admin ? 'May use this page.' : 'May not use this page.'}</p></div>
        ${admin ? html`<button key="demote" class="danger" onClick=${demote}>Take rights</button>` : html`<button key="promote" onClick=${promote}>Make admin</button>`}
      </li>
      <li>
        <div><strong>Second factor</strong><p>${secondFactor ? 'On: this page asks its owner for a code, and mail programs use app passwords.' : 'Off. Its owner turns it on.'}</p></div>
        ${secondFactor && html`<button class="danger" onClick=${unlock}>Remove second factor</button>`}
      </li>
    </ul>
  <//>`;
}

/** @param {{ quota?: import('../user/room.js').Quota, change: Change }} props */
function Limit({ quota, change }) {
  const limit = quota?.limit;
  const save = async (/** @type {FormData} */ data) => {
    const given = text(data, 'quota');
    const bytes = given === '' ? null : readSize(given);
    await change({ quota: bytes }, bytes ? `The limit is ${size(bytes)}.` : 'There is no limit any more.');
  };
  const check = (/** @type {FormData} */ data) => {
    const given = text(data, 'quota');
    return {
      quota: given !== '' && readSize(given) === undefined && 'Write a size, such as “5 GB”, or nothing for no limit.',
    };
  };
  return html`<${Section} title="Room" intro="How much mail the account can hold. When it is full, new mail waits with whoever sent it.">
    <${Form} quiet submit="Save" onSubmit=${save} check=${check}>
      <${Field} name="quota" label="At most" hint="Such as “5 GB” or “500 MB”. Empty: no limit." defaultValue=${limit ? size(limit) : ''} />
    <//>
  <//>`;
}

/** @param {{ path: string, address: string }} props */
function NewPassword({ path, address }) {
  const set = async (/** @type {FormData} */ data, /** @type {HTMLFormElement} */ form) => {
    await request('PUT', `${path}/password`, { password: data.get('password') });
    form.reset();
    say(`${address} has a new password.`);
  };
  return html`<${Section} title="Password" intro="For somebody who has forgotten theirs. Sessions on the web end; app passwords stay.">
    <${Form} quiet submit="Set it" onSubmit=${set} check=${newPasswordCheck}>
      <${PasswordField} name="password" label="New password" autocomplete="new-password" />
    <//>
  <//>`;
}

/** @param {{ address: string, change: Change }} props */
function Rename({ address, change }) {
  const rename = async (/** @type {FormData} */ data) => {
    const to = text(data, 'address');
    await change({ address: to, alias: data.has('alias') }, `${address} is now ${to}.`);
  };
  return html`<${Section} title="Address" intro="Mail, settings and passwords stay. Programs must be told the new address.">
    <${Form} quiet key=${address} submit="Rename" onSubmit=${rename} check=${(/** @type {FormData} */ data) => ({ address: text(data, 'address') === address && 'This is its address already.' })}>
      <${AddressField} name="address" label="New address" defaultValue=${address} />
      <${Check} name="alias" label="Mail for the old address still comes here" defaultChecked=${true} />
    <//>
  <//>`;
}

/** @param {{ path: string, address: string }} props */
function Removal({ path, address }) {
  const remove = () =>
    confirm({
      title: `Remove ${address} and all its mail?`,
      text: 'Every message of this account is deleted for good, and mail for its address is refused, also where it went on to another one. There is no way back.',
      act: 'Remove account and mail',
      async run() {
        await request('DELETE', path);
        say(`${address} is removed.`);
        go('/admin/accounts');
      },
    });
  return html`<${Section} title="Removal" intro="To keep the mail, suspend the account, or export it first.">
    <button class="danger" onClick=${remove}>Remove the account</button>
  <//>`;
}

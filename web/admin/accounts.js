import { useState } from 'preact/hooks';
import { request, withQuery } from '../lib/api.js';
import { looksLikeAddress } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { go, Link, usePlace } from '../lib/route.js';
import { Dialog } from '../ui/dialog.js';
import { AddressField, Form, PasswordField, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Empty, Loaded, More } from '../ui/parts.js';
import { newPasswordCheck } from '../user/password.js';
import { Heading } from './heading.js';

/** @typedef {import('../user/forward.js').ForwardSetting} ForwardSetting */
/** @typedef {{ to: string, how: 'forward' | 'reject' }} Moved */
/** @typedef {(changes: object, done: string) => Promise<void>} Change of one account: what to set, and what to say then */
/** @typedef {{ id: string, address: string, state: 'active' | 'creating' | 'removing', createdAt: string, suspended?: boolean, admin?: boolean, secondFactor?: boolean, forward?: ForwardSetting, moved?: Moved }} Account */

/** @param {{ title: string }} props */
export function Accounts({ title }) {
  const part = usePlace().query.get('q') ?? '';
  /** @type {import('../lib/resource.js').List<Account>} */
  const list = useList(withQuery('/admin/accounts', { q: part }));
  const [adding, setAdding] = useState(false);
  const search = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    go(withQuery('/admin/accounts', { q: text(data, 'q') }));
  };
  return html`
    <${Heading} title=${title} actions=${html`<button class="main" onClick=${() => setAdding(true)}>Add an account</button>`} />
    <form class="filter" role="search" onSubmit=${search}>
      <div class="field"><label for="q">Address contains</label><input id="q" name="q" type="search" defaultValue=${part} autocapitalize="off" spellcheck=${false} /></div>
      <button>Find</button>
    </form>
    <${Loaded} of=${list} what="accounts">
      ${list.data?.length === 0 && html`<${Empty}>${part === '' ? 'There are none yet.' : `No address contains “${part}”.`}<//>`}
      <ul class="rows">
        ${list.data?.map(
          (one) => html`<li key=${one.id}>
            <div><strong><${Link} to=${`/admin/accounts/${one.id}`}>${one.address}<//></strong></div>
            <${Marks} account=${one} />
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
    ${adding && html`<${Add} onClose=${() => setAdding(false)} />`}
  `;
}

/** What is special about an account. @param {{ account: Account }} props */
export function Marks({ account: { state, suspended, admin, secondFactor, forward, moved } }) {
  const marks = [
    state === 'creating' && 'being made',
    state === 'removing' && 'being removed',
    admin && 'admin',
    secondFactor && 'second factor',
    suspended && 'suspended',
    forward && 'forwards',
    moved && 'moved away',
  ].filter(Boolean);
  return (
    marks.length > 0 &&
    html`<p class="marks">${marks.map((mark) => html`<span key=${mark} class=${mark === 'suspended' ? 'mark-bad' : ''}>${mark}</span> `)}</p>`
  );
}

/** @param {{ onClose: () => void }} props */
function Add({ onClose }) {
  const add = async (/** @type {FormData} */ data) => {
    const { id, address } = await request('POST', '/admin/accounts', {
      address: text(data, 'address'),
      password: data.get('password'),
    });
    onClose();
    say(`${address} is there.`);
    go(`/admin/accounts/${id}`);
  };
  return html`<${Dialog} title="Add an account" onClose=${onClose}>
    <${Form}
      submit="Add"
      onSubmit=${add}
      onCancel=${onClose}
      check=${(/** @type {FormData} */ data) => ({
        address: !looksLikeAddress(text(data, 'address')) && 'Enter a whole address, in one of the domains.',
        ...newPasswordCheck(data),
      })}
    >
      <${AddressField} name="address" label="Address" autofocus />
      <${PasswordField} name="password" label="First password" hint="Its owner can change it." autocomplete="new-password" />
    <//>
  <//>`;
}

import { useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { addresses, looksLikeAddress } from '../lib/format.js';
import { html } from '../lib/html.js';
import { useList } from '../lib/resource.js';
import { confirm, Dialog } from '../ui/dialog.js';
import { AddressField, Area, Form, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Empty, focusOn, Loaded, More } from '../ui/parts.js';
import { Heading } from './heading.js';

/** @typedef {{ address: string, targets: readonly string[], createdAt: string }} Alias */

/** @param {{ title: string }} props */
export function Aliases({ title }) {
  /** @type {import('../lib/resource.js').List<Alias>} */
  const list = useList('/admin/aliases');
  const [adding, setAdding] = useState(false);
  const remove = (/** @type {Alias} */ { address }) =>
    confirm({
      title: `Remove ${address}?`,
      text: 'Mail for it is refused from then on, unless the domain has a catch-all.',
      act: 'Remove',
      async run() {
        await request('DELETE', `/admin/aliases/${encodeURIComponent(address)}`);
        await list.reload();
        say(`${address} is removed.`);
      },
      after: () => focusOn('title'),
    });
  return html`
    <${Heading}
      title=${title}
      intro="Addresses without a mailbox: their mail goes on to others."
      actions=${html`<button class="main" onClick=${() => setAdding(true)}>Add an alias</button>`}
    />
    <${Loaded} of=${list} what="aliases">
      ${list.data?.length === 0 && html`<${Empty}>There are none yet.<//>`}
      <ul class="rows">
        ${list.data?.map(
          (one) => html`<li key=${one.address}>
            <div><strong>${one.address}</strong><p>to ${one.targets.join(', ')}</p></div>
            <button onClick=${() => remove(one)} aria-label=${`Remove ${one.address}`}>Remove</button>
          </li>`,
        )}
      </ul>
      <${More} list=${list} />
    <//>
    ${adding && html`<${Add} onClose=${() => setAdding(false)} onAdded=${list.reload} />`}
  `;
}

/** @param {{ onClose: () => void, onAdded: () => Promise<void> }} props */
function Add({ onClose, onAdded }) {
  const add = async (/** @type {FormData} */ data) => {
    const { address } = await request('POST', '/admin/aliases', {
      address: text(data, 'address'),
      targets: addresses(text(data, 'targets')),
    });
    onClose();
    await onAdded();
    say(`${address} is added.`);
  };
  const check = (/** @type {FormData} */ data) => {
    const targets = addresses(text(data, 'targets'));
    const odd = targets.find((target) => !looksLikeAddress(target));
    return {
      address: !/^[^\s@]*@[^\s@]+$/.test(text(data, 'address')) && 'Enter a whole address.',
      targets: targets.length === 0 ? 'Enter an address.' : odd !== undefined && `“${odd}” is not an address.`,
    };
  };
  return html`<${Dialog} title="Add an alias" onClose=${onClose}>
    <${Form} submit="Add" onSubmit=${add} onCancel=${onClose} check=${check}>
      <${AddressField} name="address" label="Mail for" hint="In one of the domains. Without a name before the @ it takes everything that nobody else has." autofocus />
      <${Area} name="targets" label="goes to" hint="One address a line, here or elsewhere." rows="3" />
    <//>
  <//>`;
}

/** An account whose owner has a mailbox elsewhere now: where its mail goes. */
import { useState } from 'preact/hooks';
import { looksLikeAddress } from '../lib/format.js';
import { html } from '../lib/html.js';
import { confirm } from '../ui/dialog.js';
import { AddressField, Choice, Form, text } from '../ui/form.js';
import { focusOn, Section } from '../ui/parts.js';

/** @typedef {import('./accounts.js').Moved} MovedTo */

const WAYS = /** @type {const} */ ([
  ['forward', 'Forward it there'],
  ['reject', 'Refuse it, and tell senders the new address'],
]);

/** @param {{ address: string, moved?: MovedTo, change: import('./accounts.js').Change }} props */
export function MovedAway({ address, moved, change }) {
  const [times, setTimes] = useState(0);
  const save = async (/** @type {FormData} */ data) => {
    const to = text(data, 'to');
    await change({ moved: { to, how: data.get('how') } }, `${address} has moved to ${to}.`);
  };
  const back = () =>
    confirm({
      title: `Does ${address} live here again?`,
      text: 'New mail is kept here again, and goes nowhere else. If the account is suspended, it stays so.',
      act: 'It lives here',
      async run() {
        await change({ moved: null }, `${address} lives here again.`);
        setTimes(times + 1);
      },
      after: () => focusOn('moved'),
    });
  const check = (/** @type {FormData} */ data) => ({
    to: !looksLikeAddress(text(data, 'to')) && 'Enter a whole address.',
  });
  return html`<${Section} id="moved" title="Moved away" intro="For somebody who has a mailbox elsewhere now. No new mail is kept here; what is here stays until you remove the account.">
    ${moved && html`<p class="state">${lives(moved)} <button onClick=${back}>It lives here again</button></p>`}
    <${Form} quiet key=${times} submit=${moved ? 'Save' : 'It has moved'} onSubmit=${save} check=${check}>
      <${AddressField} name="to" label="Address elsewhere" defaultValue=${moved?.to} />
      <${Choice} name="how" label="Mail that still comes here" options=${WAYS} value=${moved?.how} />
    <//>
  <//>`;
}

/** @param {MovedTo} moved */
const lives = ({ to, how }) =>
  how === 'forward' ? `Mail goes on to ${to}.` : `Mail is refused, and senders are told ${to}.`;

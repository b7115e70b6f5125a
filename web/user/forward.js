/** Forwarding all mail. For the owner of the account, and for an admin. */
import { useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { addresses, looksLikeAddress } from '../lib/format.js';
import { html } from '../lib/html.js';
import { confirm } from '../ui/dialog.js';
import { Area, Check, Form, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { focusOn, Loaded, Section } from '../ui/parts.js';

/** @typedef {{ targets: readonly string[], keep: boolean }} ForwardSetting */

/** @param {{ account: import('../lib/resource.js').Resource<{ forward?: ForwardSetting }> }} props */
export function Forward({ account }) {
  const save = async (/** @type {ForwardSetting | null} */ forward) => {
    if (forward === null) await request('DELETE', '/account/forward');
    else await request('PUT', '/account/forward', forward);
    await account.reload();
  };
  return html`<${Section} id="forward" title="Forward" intro="Sends everything that comes for you to other addresses.">
    <${Loaded} of=${account} what="the forward">
      <${ForwardForm} forward=${account.data?.forward} save=${save} />
    <//>
  <//>`;
}

/** @param {{ forward?: ForwardSetting, save: (forward: ForwardSetting | null) => Promise<void> }} props */
export function ForwardForm({ forward, save }) {
  const [times, setTimes] = useState(0);
  const submit = async (/** @type {FormData} */ data) => {
    const targets = addresses(text(data, 'targets'));
    await save({ targets, keep: data.has('keep') });
    say(`Mail is forwarded to ${targets.join(', ')}.`);
  };
  const stop = () =>
    confirm({
      title: 'Stop forwarding?',
      text: 'New mail stays here and goes nowhere else.',
      act: 'Stop forwarding',
      async run() {
        await save(null);
        setTimes(times + 1);
        say('Mail is no longer forwarded.');
      },
      after: () => focusOn('forward'),
    });
  const check = (/** @type {FormData} */ data) => {
    const targets = addresses(text(data, 'targets'));
    const odd = targets.find((target) => !looksLikeAddress(target));
    return {
      targets: targets.length === 0 ? 'Enter an address.' : odd !== undefined && `“${odd}” is not an address.`,
    };
  };
  return html`
    ${forward && html`<p class="state">Mail goes to ${forward.targets.join(', ')}${forward.keep ? ', and stays here too' : ' and is not kept here'}. <button onClick=${stop}>Stop forwarding</button></p>`}
    <${Form} quiet key=${times} submit=${forward ? 'Save' : 'Forward'} onSubmit=${submit} check=${check}>
      <${Area} name="targets" label="Forward to" hint="One address a line." rows="2" defaultValue=${forward?.targets.join('\n')} />
      <${Check} name="keep" label="Keep a copy here" defaultChecked=${forward?.keep ?? true} />
    <//>
  `;
}

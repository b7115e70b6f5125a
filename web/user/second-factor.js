/** The second factor: a code besides the password, for these pages. */
import { useEffect, useState } from 'preact/hooks';
import { request } from '../lib/api.js';
import { counted } from '../lib/format.js';
import { html } from '../lib/html.js';
import { words } from '../lib/problem.js';
import { useResource } from '../lib/resource.js';
import { CodeField, codeCheck, RecoveryCodes } from '../ui/code.js';
import { Dialog } from '../ui/dialog.js';
import { exact, Field, Form, PasswordField, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Copy, focusOn, Loaded, Section } from '../ui/parts.js';
import { asked } from './proof.js';

const PATH = '/account/second-factor';

/** @typedef {{ enabled: boolean, recoveryCodes: number }} State */
/** @typedef {{ secret: string, uri: string, qr: string }} Offer */

/** @param {{ address: string, onChange: () => Promise<void> }} props */
export function SecondFactor({ address, onChange }) {
  /** @type {import('../lib/resource.js').Resource<State>} */
  const state = useResource(PATH);
  const [open, setOpen] = useState(/** @type {'on' | 'off' | 'codes' | undefined} */ (undefined));
  const close = () => {
    setOpen(undefined);
    // The button that was pressed may be another one now; and after the dialog has given the focus back.
    requestAnimationFrame(() => focusOn('second-factor'));
  };
  const changed = () => Promise.all([state.reload(), onChange()]);
  const props = { address, onClose: close, onChange: changed };
  return html`<${Section}
    id="second-factor"
    title="Second factor"
    intro="A code from your phone besides the password, so that a stolen password alone opens nothing. Mail programs use app passwords then."
  >
    <${Loaded} of=${state} what="the second factor">${state.data && html`<${Now} ...${state.data} open=${setOpen} />`}<//>
    ${open === 'on' && html`<${TurnOn} ...${props} />`}
    ${open === 'codes' && html`<${NewCodes} ...${props} />`}
    ${open === 'off' && html`<${TurnOff} ...${props} />`}
  <//>`;
}

/** @param {State & { open: (what: 'on' | 'off' | 'codes') => void }} props */
function Now({ enabled, recoveryCodes, open }) {
  if (!enabled) return html`<p>It is off.</p><button onClick=${() => open('on')}>Turn it on</button>`;
  return html`
    <p class="state">It is on. ${counted(recoveryCodes, 'recovery code')} left.</p>
    <div class="buttons">
      <button onClick=${() => open('codes')}>New recovery codes</button>
      <button class="danger" onClick=${() => open('off')}>Turn it off</button>
    </div>
  `;
}

/** @typedef {{ address: string, onClose: () => void, onChange: () => Promise<unknown> }} Props */

/** @param {Props} props */
function TurnOn({ address, onClose, onChange }) {
  const [offer, setOffer] = useState(/** @type {Offer | undefined} */ (undefined));
  const [wrong, setWrong] = useState('');
  const [codes, setCodes] = useState(/** @type {readonly string[] | undefined} */ (undefined));
  useEffect(() => {
    request('POST', PATH).then(setOffer, (error) => setWrong(words(error)));
  }, []);
  if (codes !== undefined) return html`<${Kept} codes=${codes} address=${address} onClose=${onClose} />`;
  if (offer === undefined) {
    return html`<${Dialog} key="wait" title="Turn on the second factor" onClose=${onClose}>
      ${wrong === '' ? html`<p class="loading" role="status">One moment…</p>` : html`<p class="wrong" role="alert">${wrong}</p>`}
    <//>`;
  }
  const confirm = async (/** @type {FormData} */ data) => {
    const given = { secret: offer.secret, code: text(data, 'code'), password: exact(data, 'password') };
    const { recoveryCodes } = await asked(() => request('PUT', PATH, given));
    setCodes(recoveryCodes);
    void onChange();
    say('The second factor is on. Your other sessions have ended.');
  };
  const check = (/** @type {FormData} */ data) => ({ ...codeCheck(data), ...passwordCheck(data) });
  return html`<${Dialog} key="offer" title="Turn on the second factor" onClose=${onClose}>
    <${Scan} ...${offer} />
    <${Form} submit="Turn it on" onSubmit=${confirm} onCancel=${onClose} check=${check}>
      <${Field} name="code" label="Code" hint="The six digits that the app shows now." inputmode="numeric" autocomplete="one-time-code" maxlength="12" autofocus />
      <${PresentPassword} address=${address} />
    <//>
    <p class="hint">Your other sessions on the web end, and mail programs that use your own password are refused: give each an app password.</p>
  <//>`;
}

/** @param {Offer} props */
function Scan({ secret, uri, qr }) {
  const grouped = secret.replace(/.{4}(?=.)/g, '$& ');
  return html`<div class="phone">
    <img src=${`data:image/svg+xml,${encodeURIComponent(qr)}`} width="168" height="168" alt="QR code of the secret below" />
    <div>
      <p>Scan this with an authenticator app, such as Aegis, 2FAS, or a password manager.</p>
      <p><a href=${uri}>Or open it here, on the phone itself</a></p>
      <p>Or type this secret: <code>${grouped}</code> <${Copy} text=${secret} what="secret" /></p>
    </div>
  </div>`;
}

/** @param {Props} props */
function NewCodes({ address, onClose, onChange }) {
  const [codes, setCodes] = useState(/** @type {readonly string[] | undefined} */ (undefined));
  if (codes !== undefined) return html`<${Kept} codes=${codes} address=${address} onClose=${onClose} />`;
  const renew = async (/** @type {object} */ given) => {
    const { recoveryCodes } = await asked(() => request('POST', `${PATH}/recovery-codes`, given));
    setCodes(recoveryCodes);
    void onChange();
  };
  return html`<${Proof} title="New recovery codes" words="The ones before work no longer." act="Make them" address=${address} run=${renew} onClose=${onClose} />`;
}

/** @param {Props} props */
function TurnOff({ address, onClose, onChange }) {
  const remove = async (/** @type {object} */ given) => {
    await asked(() => request('DELETE', PATH, given));
    onClose();
    void onChange();
    say('The second factor is off.');
  };
  const words = 'Your password alone opens this page then, and mail programs may use it again.';
  return html`<${Proof} title="Turn off the second factor?" words=${words} act="Turn it off" danger address=${address} run=${remove} onClose=${onClose} />`;
}

/** @param {{ title: string, words: string, act: string, danger?: boolean, address: string, run: (given: object) => Promise<void>, onClose: () => void }} props */
function Proof({ title, words: what, act, danger, address, run, onClose }) {
  const send = (/** @type {FormData} */ data) => run({ code: text(data, 'code'), password: exact(data, 'password') });
  const check = (/** @type {FormData} */ data) => ({ ...passwordCheck(data), ...codeCheck(data) });
  return html`<${Dialog} key="proof" title=${title} onClose=${onClose}>
    <p>${what}</p>
    <${Form} submit=${act} danger=${danger} onSubmit=${send} onCancel=${onClose} check=${check}>
      <${PresentPassword} address=${address} autofocus />
      <${CodeField} />
    <//>
  <//>`;
}

/** @param {{ codes: readonly string[], address: string, onClose: () => void }} props */
function Kept({ codes, address, onClose }) {
  // Nobody loses them by pressing Escape.
  return html`<${Dialog} key="codes" title="Your recovery codes"><${RecoveryCodes} codes=${codes} address=${address} onDone=${onClose} /><//>`;
}

/** @param {{ address: string, [attribute: string]: unknown }} props */
function PresentPassword({ address, ...rest }) {
  return html`
    <input class="unseen" autocomplete="username" value=${address} readonly tabindex="-1" aria-hidden="true" />
    <${PasswordField} name="password" label="Your password" autocomplete="current-password" ...${rest} />
  `;
}

/** @param {FormData} data */
const passwordCheck = (data) => ({ password: data.get('password') === '' && 'Enter your password.' });

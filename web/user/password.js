/** The account’s own password. */
import { request, session } from '../lib/api.js';
import { html } from '../lib/html.js';
import { useShared } from '../lib/state.js';
import { CodeField, codeCheck } from '../ui/code.js';
import { exact, Form, PasswordField, text } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Section } from '../ui/parts.js';
import { asked } from './proof.js';

export const LEAST = 8;

/** @param {FormData} data */
export const newPasswordCheck = (data) => ({
  password: exact(data, 'password').length < LEAST && `Use at least ${LEAST} characters.`,
});

/** @param {{ secondFactor?: boolean }} props */
export function Password({ secondFactor }) {
  const address = useShared(session)?.account?.address;
  const change = async (/** @type {FormData} */ data, /** @type {HTMLFormElement} */ form) => {
    const code = secondFactor ? { code: text(data, 'code') } : {};
    const given = { current: data.get('current'), password: data.get('password'), ...code };
    await asked(() => request('PUT', '/account/password', given), 'current');
    form.reset();
    say('Your password is changed.');
  };
  return html`<${Section}
    title="Password"
    intro="A new one counts everywhere at once, and ends your other sessions on the web. App passwords stay as they are."
  >
    <${Form}
      quiet
      submit="Change the password"
      onSubmit=${change}
      check=${(/** @type {FormData} */ data) => ({ current: data.get('current') === '' && 'Enter your present password.', ...(secondFactor && codeCheck(data)), ...newPasswordCheck(data) })}
    >
      <input class="unseen" autocomplete="username" value=${address} readonly tabindex="-1" aria-hidden="true" />
      <${PasswordField} name="current" label="Present password" autocomplete="current-password" />
      ${secondFactor && html`<${CodeField} />`}
      <${PasswordField} name="password" label="New password" hint=${`At least ${LEAST} characters. A few words in a row are good.`} autocomplete="new-password" />
    <//>
  <//>`;
}

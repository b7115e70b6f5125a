/** The account’s own password. */
import { request, session } from '../lib/api.js';
import { html } from '../lib/html.js';
import { Problem } from '../lib/problem.js';
import { useShared } from '../lib/state.js';
import { exact, Form, PasswordField } from '../ui/form.js';
import { say } from '../ui/notice.js';
import { Section } from '../ui/parts.js';

export const LEAST = 8;

/** @param {FormData} data */
export const newPasswordCheck = (data) => ({
  password: exact(data, 'password').length < LEAST && `Use at least ${LEAST} characters.`,
});

export function Password() {
  const address = useShared(session)?.account?.address;
  const change = async (/** @type {FormData} */ data, /** @type {HTMLFormElement} */ form) => {
    try {
      await request('PUT', '/account/password', { current: data.get('current'), password: data.get('password') });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'bad-credentials') throw error;
      const message = 'This is not your present password.';
      throw new Problem({
        status: 401,
        code: error.code,
        detail: message,
        errors: [{ path: '/body/current', message }],
      });
    }
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
      check=${(/** @type {FormData} */ data) => ({ current: data.get('current') === '' && 'Enter your present password.', ...newPasswordCheck(data) })}
    >
      <input class="unseen" autocomplete="username" value=${address} readonly tabindex="-1" aria-hidden="true" />
      <${PasswordField} name="current" label="Present password" autocomplete="current-password" />
      <${PasswordField} name="password" label="New password" hint=${`At least ${LEAST} characters. A few words in a row are good.`} autocomplete="new-password" />
    <//>
  <//>`;
}

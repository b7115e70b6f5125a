/** Signing in, out, and in again. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { findSession, session, signIn, signOut, waiting } from '../lib/api.js';
import { counted } from '../lib/format.js';
import { html } from '../lib/html.js';
import { Problem, words } from '../lib/problem.js';
import { useTitle } from '../lib/route.js';
import { useShared } from '../lib/state.js';
import { CodeField, codeCheck } from './code.js';
import { Confirmations, Dialog } from './dialog.js';
import { AddressField, exact, Form, PasswordField, text } from './form.js';
import { Notices, say } from './notice.js';
import { focusOn, Mark } from './parts.js';

/**
 * Shows what is inside to whoever is signed in, and the sign-in to all others.
 * @param {{ children?: unknown, nav?: unknown, allowed?: (now: import('../lib/api.js').Session) => boolean, instead?: unknown }} props
 */
export function Gate({ children, nav, allowed, instead }) {
  const now = useShared(session);
  const [wrong, setWrong] = useState(/** @type {unknown} */ (undefined));
  const begin = () => {
    setWrong(undefined);
    findSession().catch(setWrong);
  };
  useEffect(begin, []);
  if (wrong !== undefined) {
    return html`<main class="door"><div class="trouble" role="alert"><p>${words(wrong)}</p><button onClick=${begin}>Try again</button></div></main>`;
  }
  if (now === undefined) return html`<main class="door"><p class="loading" role="status">Loading…</p></main>`;
  if (now === null) return html`<${SignIn} />`;
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <${Header} nav=${nav} />
    <main id="main" tabindex="-1">${allowed === undefined || allowed(now) ? children : instead}</main>
    <${Notices} />
    <${Confirmations} />
    <${SignInAgain} />
  `;
}

/** @param {{ nav?: unknown }} props */
function Header({ nav }) {
  const account = useShared(session)?.account;
  const admin = location.pathname.startsWith('/admin');
  const leave = () => signOut().catch((error) => say(words(error), true));
  return html`<header>
    <a class="brand" href=${admin ? '/admin' : '/'}><${Mark} />Peerpost${admin && html` <span>admin</span>`}</a>
    ${nav}
    <div class="who">
      ${account?.admin && (admin ? html`<a href="/">My account</a>` : html`<a href="/admin">Admin</a>`)}
      <button class="plain" onClick=${leave}>Sign out</button>
    </div>
  </header>`;
}

function SignIn() {
  useTitle('Sign in');
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    main.current?.querySelector('input')?.focus();
    // What comes next begins at its heading.
    return () => void requestAnimationFrame(() => focusOn('title'));
  }, []);
  return html`<main class="door" ref=${main}>
    <p class="brand"><${Mark} />Peerpost</p>
    <h1>Sign in</h1>
    <${Credentials} />
  </main>`;
}

/** Over the page as it stands, so that nothing in it is lost. */
function SignInAgain() {
  const again = useShared(waiting);
  const address = useShared(session)?.account?.address;
  return (
    again &&
    html`<${Dialog} title="Sign in again">
      <p>Your session has ended. Sign in, and you go on where you were.</p>
      <${Credentials} address=${address} />
    <//>`
  );
}

/** @param {{ address?: string }} props the account that the open page belongs to */
function Credentials({ address }) {
  const [proven, setProven] = useState(/** @type {{ address: string, password: string } | undefined} */ (undefined));
  const again = () => {
    setProven(undefined);
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('[name=password]'))?.focus());
  };
  if (proven !== undefined) return html`<${SecondStep} given=${proven} onCancel=${again} />`;
  const enter = async (/** @type {FormData} */ data) => {
    const given = { address: address ?? text(data, 'address'), password: exact(data, 'password') };
    try {
      await signIn(given);
    } catch (error) {
      if (error instanceof Problem && error.code === 'second-factor-required') {
        setProven(given);
        return;
      }
      if (!(error instanceof Problem) || error.code !== 'bad-credentials') throw error;
      const detail = 'The address or the password is wrong.';
      throw new Problem({
        status: 401,
        code: error.code,
        detail,
        errors: [{ path: '/body/password', message: detail }],
      });
    }
  };
  return html`<${Form}
    key="password"
    submit="Sign in"
    onSubmit=${enter}
    check=${(/** @type {FormData} */ data) => ({
      address: address === undefined && text(data, 'address') === '' && 'Enter your address.',
      password: data.get('password') === '' && 'Enter your password.',
    })}
  >
    ${
      address === undefined
        ? html`<${AddressField} name="address" label="Address" autocomplete="username" />`
        : html`<p class="fixed">${address}</p><input class="unseen" autocomplete="username" value=${address} readonly tabindex="-1" aria-hidden="true" />`
    }
    <${PasswordField} name="password" label="Password" autocomplete="current-password" autofocus=${address !== undefined} />
  <//>`;
}

/** The password was right. @param {{ given: { address: string, password: string }, onCancel: () => void }} props */
function SecondStep({ given, onCancel }) {
  const enter = async (/** @type {FormData} */ data) => {
    const { recoveryCodes } = await signIn({ ...given, code: text(data, 'code') });
    if (recoveryCodes !== undefined) say(`${counted(recoveryCodes, 'recovery code')} left.`);
  };
  return html`<${Form} key="code" submit="Sign in" onSubmit=${enter} onCancel=${onCancel} check=${codeCheck}>
    <p class="fixed">${given.address}</p>
    <${CodeField} focused />
  <//>`;
}

/** Codes of the second factor: where they are typed, and the ones that are kept for the day the phone is lost. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from '../lib/html.js';
import { Field, text } from './form.js';
import { Copy } from './parts.js';

/** @param {FormData} data */
export const codeCheck = (data) => ({ code: text(data, 'code') === '' && 'Enter a code.' });

/**
 * A field for a code of the app, or for a recovery code. Phones offer digits for the one and letters for the other.
 * @param {{ label?: string, focused?: boolean }} props `focused`: when it appears
 */
export function CodeField({ label = 'Code', focused = false }) {
  const [recovery, setRecovery] = useState(false);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const pressed = useRef(false);
  useEffect(() => {
    if (focused || pressed.current) place.current?.querySelector('input')?.focus();
  }, [recovery]);
  const change = () => {
    pressed.current = true;
    setRecovery(!recovery);
  };
  return html`<div class="field" ref=${place}>
    ${
      recovery
        ? html`<${Field} key="recovery" name="code" label="Recovery code" hint="One of the ten that you kept. Each works once." autocapitalize="off" spellcheck=${false} maxlength="40" />`
        : html`<${Field} key="app" name="code" label=${label} hint="Six digits, from your authenticator app." inputmode="numeric" autocomplete="one-time-code" maxlength="12" />`
    }
    <button type="button" class="plain start" onClick=${change}>${recovery ? 'Use the app instead' : 'Use a recovery code instead'}</button>
  </div>`;
}

/** Seen this once. @param {{ codes: readonly string[], address: string, onDone: () => void }} props */
export function RecoveryCodes({ codes, address, onDone }) {
  const all = `${codes.join('\n')}\n`;
  const file = `Recovery codes of ${address}, each good once:\n\n${all}`;
  return html`
    <p>
      Each of these opens this page once, in place of a code. Keep them where you find them when your phone is lost: on
      paper, or with your passwords. They are shown this once.
    </p>
    <ul class="codes" aria-label="Recovery codes">${codes.map((code) => html`<li key=${code}><code>${code}</code></li>`)}</ul>
    <div class="buttons">
      <button class="main" autofocus onClick=${onDone}>I have kept them</button>
      <a class="button" href=${`data:text/plain;charset=utf-8,${encodeURIComponent(file)}`} download="recovery-codes.txt">Download</a>
      <${Copy} text=${all} what="recovery codes" />
    </div>
  `;
}

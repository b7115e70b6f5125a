/** Forms: labels, hints, and errors next to the fields they are about. */
import { createContext } from 'preact';
import { useContext, useEffect, useId, useRef, useState } from 'preact/hooks';
import { html } from '../lib/html.js';
import { placed } from '../lib/problem.js';

/** @typedef {{ [name: string]: string }} Errors */

const Context = createContext({ errors: /** @type {Errors} */ ({}), busy: false });

/** As it was typed. @param {FormData} data @param {string} name */
export function exact(data, name) {
  const value = data.get(name);
  return typeof value === 'string' ? value : '';
}

/** @param {FormData} data @param {string} name */
export const text = (data, name) => exact(data, name).trim();

/**
 * @param {{
 *   onSubmit: (data: FormData, form: HTMLFormElement) => Promise<void>,
 *   check?: (data: FormData) => { [name: string]: string | false | undefined },
 *   submit: string, onCancel?: () => void, quiet?: boolean, danger?: boolean, children?: unknown,
 * }} props `check` answers what is wrong, by field; a thrown Problem is shown where it belongs.
 */
export function Form({ onSubmit, check, submit, onCancel, quiet, danger, children }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const [state, setState] = useState({ errors: /** @type {Errors} */ ({}), rest: '', busy: false });

  useEffect(() => {
    const wrong = form.current?.querySelector('[aria-invalid="true"]');
    if (wrong instanceof HTMLElement) wrong.focus();
  }, [state.errors]);

  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const element = form.current;
    if (state.busy || element === null) return;
    const data = new FormData(element);
    const wrong = Object.entries(check?.(data) ?? {}).filter(([, message]) => message);
    if (wrong.length > 0) {
      setState({ errors: /** @type {Errors} */ (Object.fromEntries(wrong)), rest: '', busy: false });
      return;
    }
    setState({ errors: {}, rest: '', busy: true });
    try {
      await onSubmit(data, element);
      setState({ errors: {}, rest: '', busy: false });
    } catch (error) {
      const names = [...element.elements].map((field) => field.getAttribute('name') ?? '');
      const { fields, rest } = placed(error, names);
      setState({ errors: fields, rest, busy: false });
    }
  };

  return html`<form ref=${form} onSubmit=${send} novalidate>
    <${Context.Provider} value=${state}>${children}<//>
    <p class="wrong" role="alert">${state.rest}</p>
    <div class="buttons">
      <button class=${danger ? 'danger' : quiet ? '' : 'main'} aria-disabled=${state.busy}>${state.busy ? 'One moment…' : submit}</button>
      ${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}
    </div>
  </form>`;
}

/**
 * @param {string} name
 * @param {string | undefined} hint
 */
function useField(name, hint) {
  const id = useId();
  const error = useContext(Context).errors[name];
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  const attributes = { id, name, 'aria-invalid': error ? 'true' : undefined, 'aria-describedby': about || undefined };
  const notes = html`
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="wrong" id=${`${id}-error`}>${error}</p>`}
  `;
  return { id, attributes, notes };
}

/** @param {{ name: string, label: string, hint?: string, [attribute: string]: unknown }} props */
export function Field({ name, label, hint, ...rest }) {
  const { id, attributes, notes } = useField(name, hint);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input autocomplete="off" ...${rest} ...${attributes} />
    ${notes}
  </div>`;
}

const LITERALLY = { autocapitalize: 'off', spellcheck: false };

/** @param {{ name: string, label: string, hint?: string, [attribute: string]: unknown }} props */
export function AddressField(props) {
  return html`<${Field} inputmode="email" ...${LITERALLY} ...${props} />`;
}

/** @param {{ name: string, label: string, hint?: string, [attribute: string]: unknown }} props */
export function Area({ name, label, hint, ...rest }) {
  const { id, attributes, notes } = useField(name, hint);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <textarea ...${LITERALLY} ...${rest} ...${attributes}></textarea>
    ${notes}
  </div>`;
}

/** @param {{ name: string, label: string, hint?: string, [attribute: string]: unknown }} props */
export function PasswordField({ name, label, hint, ...rest }) {
  const { id, attributes, notes } = useField(name, hint);
  const [shown, setShown] = useState(false);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class="joined">
      <input type=${shown ? 'text' : 'password'} ...${LITERALLY} ...${rest} ...${attributes} />
      <button type="button" aria-pressed=${shown} aria-label=${`Show: ${label}`} onClick=${() => setShown(!shown)}>
        ${shown ? 'Hide' : 'Show'}
      </button>
    </div>
    ${notes}
  </div>`;
}

/** @param {{ name: string, label: string, hint?: string, [attribute: string]: unknown }} props */
export function Check({ name, label, hint, ...rest }) {
  const { id, attributes, notes } = useField(name, hint);
  return html`<div class="field check">
    <input type="checkbox" ...${rest} ...${attributes} /> <label for=${id}>${label}</label>
    ${notes}
  </div>`;
}

/**
 * @param {{ name: string, label: string, hint?: string, options: readonly (readonly [value: string, words: string])[], value?: string, [attribute: string]: unknown }} props
 */
export function Choice({ name, label, hint, options, value, ...rest }) {
  const { id, attributes, notes } = useField(name, hint);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select ...${rest} ...${attributes}>
      ${options.map(([key, words]) => html`<option value=${key} selected=${key === value}>${words}</option>`)}
    </select>
    ${notes}
  </div>`;
}

/** Several checkboxes of one name. @param {{ name: string, legend: string, options: readonly (readonly [value: string, words: string])[], checked?: readonly string[] }} props */
export function Checks({ name, legend, options, checked = [] }) {
  const { id, attributes, notes } = useField(name, undefined);
  return html`<fieldset class="field" aria-describedby=${attributes['aria-describedby']}>
    <legend>${legend}</legend>
    ${options.map(
      ([value, words], index) => html`<div class="check">
        <input
          type="checkbox"
          id=${`${id}-${value}`}
          name=${name}
          value=${value}
          defaultChecked=${checked.includes(value)}
          aria-invalid=${index === 0 ? attributes['aria-invalid'] : undefined}
        />
        <label for=${`${id}-${value}`}>${words}</label>
      </div>`,
    )}
    ${notes}
  </fieldset>`;
}

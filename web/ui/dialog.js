/** Dialogs, by the browser’s own element: it keeps the focus inside and gives it back. */
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from '../lib/html.js';
import { words } from '../lib/problem.js';
import { createState, useShared } from '../lib/state.js';

/** @param {{ title: string, onClose?: () => void, children?: unknown }} props without `onClose` it can’t be dismissed */
export function Dialog({ title, onClose, children }) {
  const id = useId();
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const ours = useRef(false);
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      ours.current = true;
      element?.close();
    };
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose?.();
  };
  // Told later, also of dialogs that we have taken away ourselves. Browsers close one that refuses too often.
  const closed = () => {
    if (ours.current) return;
    if (onClose === undefined) dialog.current?.showModal();
    else onClose();
  };
  return html`<dialog ref=${dialog} aria-labelledby=${id} onCancel=${cancel} onClose=${closed}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}

/**
 * @typedef {{ title: string, text: unknown, act: string, run: () => Promise<void>, after?: () => void }} Question
 * `text` says what will happen; `run` does it while the dialog waits; `after` moves the focus where the thing is gone.
 */

const question = createState(/** @type {Question | undefined} */ (undefined));

/** Asks before something is destroyed. @param {Question} asked */
export function confirm(asked) {
  question.set(asked);
}

/** Once in each page. */
export function Confirmations() {
  const asked = useShared(question);
  return asked && html`<${Confirmation} ...${asked} />`;
}

/** @param {Question} props */
function Confirmation({ title, text, act, run, after }) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState('');
  const close = () => question.set(undefined);
  const go = async () => {
    if (busy) return;
    setBusy(true);
    setWrong('');
    try {
      await run();
      close();
      // After the dialog has given the focus back.
      requestAnimationFrame(() => after?.());
    } catch (error) {
      setWrong(words(error));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${close}>
    <p>${text}</p>
    <p class="wrong" role="alert">${wrong}</p>
    <div class="buttons">
      <button class="danger" aria-disabled=${busy} onClick=${go}>${busy ? 'One moment…' : act}</button>
      <button autofocus onClick=${close}>Cancel</button>
    </div>
  <//>`;
}

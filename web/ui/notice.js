/** A line at the foot of the page that says what was done; screen readers read it out. */
import { useEffect } from 'preact/hooks';
import { html } from '../lib/html.js';
import { createState, useShared } from '../lib/state.js';

const notice = createState({ text: '', wrong: false });
const SHOWN_MS = 6_000;

/** @param {string} text a sentence */
export function say(text, wrong = false) {
  notice.set({ text, wrong });
}

/** Once in each page. */
export function Notices() {
  const now = useShared(notice);
  useEffect(() => {
    if (now.text === '') return;
    const timer = setTimeout(() => say(''), now.wrong ? 2 * SHOWN_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [now]);
  return html`<div class=${`notice ${now.text === '' ? 'none' : ''} ${now.wrong ? 'bad' : ''}`} role="status">${now.text}</div>`;
}

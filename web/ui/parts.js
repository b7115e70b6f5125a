/** Small parts of both pages. */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ago, moment } from '../lib/format.js';
import { html } from '../lib/html.js';
import { words } from '../lib/problem.js';
import { say } from './notice.js';

/** Text that stays beside the thing it explains. @param {{ id?: string, title: string, intro?: unknown, actions?: unknown, children?: unknown }} props */
export function Section({ id, title, intro, actions, children }) {
  const own = useId();
  const heading = id ?? own;
  return html`<section class="part" aria-labelledby=${heading}>
    <div class="aside">
      <h2 id=${heading} tabindex="-1">${title}</h2>
      ${intro && html`<p>${intro}</p>`}
      ${actions && html`<div class="buttons">${actions}</div>`}
    </div>
    <div class="content">${children}</div>
  </section>`;
}

/** Puts the focus on a heading, where what had it is gone. @param {string} id */
export function focusOn(id) {
  document.getElementById(id)?.focus();
}

/**
 * Loading, trouble, or what there is.
 * @param {{ of: import('../lib/resource.js').Resource<unknown>, what: string, children?: unknown }} props
 */
export function Loaded({ of: resource, what, children }) {
  if (resource.error !== undefined && !resource.busy) {
    return html`<div class="trouble" role="alert">
      <p>${words(resource.error)}</p>
      <button onClick=${resource.reload}>Try again</button>
    </div>`;
  }
  return resource.data === undefined ? html`<p class="loading" role="status">Loading ${what}…</p>` : children;
}

/** @param {{ children?: unknown }} props */
export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

/** @param {{ list: import('../lib/resource.js').List<unknown> }} props */
export function More({ list }) {
  return list.more && html`<p class="more"><button onClick=${list.more}>Show more</button></p>`;
}

/** @param {{ of: import('../lib/resource.js').Resource<unknown> }} props */
export function Refresh({ of: resource }) {
  const refresh = async () => {
    await resource.reload();
    say('Up to date.');
  };
  return html`<button onClick=${refresh} aria-disabled=${resource.busy}>Refresh</button>`;
}

/** @param {{ at: string }} props */
export const Ago = ({ at }) => html`<time datetime=${at} title=${moment(at)}>${ago(at)}</time>`;

/** @param {{ text: string, label?: string, what: string }} props `what` says to those who don’t see it what is copied */
export function Copy({ text, label = 'Copy', what }) {
  const [done, setDone] = useState('');
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone('Copied');
    } catch {
      setDone('Select and copy it by hand');
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(''), 3_000);
  };
  return html`<button type="button" class="copy" onClick=${copy}>
    <span aria-live="polite">${done || label}</span><span class="unseen"> ${what}</span>
  </button>`;
}

/** A secret that is seen this once. @param {{ text: string, what: string, onDone: () => void, children?: unknown }} props */
export function Secret({ text, what, onDone, children }) {
  return html`
    <p>${children}</p>
    <p class="secret"><code>${text}</code> <${Copy} text=${text} what=${what} /></p>
    <div class="buttons"><button class="main" autofocus onClick=${onDone}>Done</button></div>
  `;
}

export const Mark = () => html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
  <rect class="paper" x="3" y="3" width="26" height="26" rx="2" />
  <rect class="teeth" x="3" y="3" width="26" height="26" />
  <path d="M9 11.5h14v9.5H9zl7 5.5 7-5.5" />
</svg>`;

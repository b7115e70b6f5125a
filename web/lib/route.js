/** Where in the page we are: one address a view, so that reload, back and bookmarks work. */
import { useEffect } from 'preact/hooks';
import { html } from './html.js';
import { createState, useShared } from './state.js';

const here = () => location.pathname + location.search;
const place = createState(here());
addEventListener('popstate', () => place.set(here()));

/** @param {string} to a path of this page */
export function go(to) {
  history.pushState(null, '', to);
  place.set(here());
  scrollTo(0, 0);
}

/** @returns {{ path: string, query: URLSearchParams }} */
export function usePlace() {
  const [path = '/', query = ''] = useShared(place).split('?');
  return { path, query: new URLSearchParams(query) };
}

/** @param {{ to: string, children?: unknown, [attribute: string]: unknown }} props */
export function Link({ to, children, ...rest }) {
  const follow = (/** @type {MouseEvent} */ event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${to} onClick=${follow} ...${rest}>${children}</a>`;
}

/** @param {string} title */
export function useTitle(title) {
  useEffect(() => {
    document.title = `${title} – Peerpost`;
  }, [title]);
}

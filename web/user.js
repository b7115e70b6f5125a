/** The page of whoever has an account here. */
import { render } from 'preact';
import { html } from './lib/html.js';
import { UserPage } from './user/page.js';

render(html`<${UserPage} />`, /** @type {HTMLElement} */ (document.getElementById('page')));

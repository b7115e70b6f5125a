/** Templates: `html` makes Preact's elements out of tagged text. Unlike in HTML, entities are not decoded: characters are written as they are. */
import htm from 'htm';
import { h } from 'preact';

/** @type {(strings: TemplateStringsArray, ...values: unknown[]) => import('preact').VNode} */
export const html = /** @type {Function} */ (/** @type {unknown} */ (htm)).bind(h);

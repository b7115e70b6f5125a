/** What REST refuses (RFC 9457), and how it is told to people. */

/** @typedef {{ readonly path: string, readonly message: string }} InputError */

export class Problem extends Error {
  /** @param {{ status: number, code: string, detail: string, errors?: readonly InputError[] }} answer */
  constructor({ status, code, detail, errors = [] }) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/** @type {{ readonly [code: string]: string }} */
const WORDS = {
  unreachable: 'The server can’t be reached. Check your connection and try again.',
  unavailable: 'The server is busy. Try again in a moment.',
  'limit-exceeded': 'Too many tries. Wait a minute, then try again.',
  'internal-error': 'The server made a mistake. Try again; if it stays, tell whoever runs it.',
};

/**
 * A sentence for people.
 * @param {unknown} error
 */
export function words(error) {
  if (!(error instanceof Problem)) return 'Something went wrong on this page. Reload it and try again.';
  return WORDS[error.code] ?? sentence(error.message);
}

/** @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  // A name such as mx.example.org stays as it is.
  const isName = /^\S*[.@]\S/.test(trimmed);
  const first = isName ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/**
 * The refusals that belong to fields, by the field’s name, and what is left for the whole form.
 * @param {unknown} error
 * @param {readonly string[]} names of the fields that there are
 * @returns {{ fields: { [name: string]: string }, rest: string }}
 */
export function placed(error, names) {
  /** @type {{ [name: string]: string }} */
  const fields = {};
  const errors = error instanceof Problem ? error.errors : [];
  const lost = [];
  for (const { path, message } of errors) {
    const name = path.split('/')[2] ?? '';
    if (names.includes(name)) fields[name] ??= sentence(message);
    else lost.push(sentence(message));
  }
  if (errors.length > 0) return { fields, rest: lost.join(' ') };
  return { fields, rest: words(error) };
}

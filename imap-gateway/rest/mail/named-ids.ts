/** Content-IDs that HTML names by `cid:` (RFC 2392). */
export const CID = /\bcid:([^\s"'<>()\\]{1,200})/gi;

/** As it stands in HTML: percent-encoded. */
export function idOf(written: string): string {
  const text = written.replaceAll('&amp;', '&');
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

export const namedIds = (html: string): ReadonlySet<string> =>
  new Set(Array.from(html.matchAll(CID), ([, id]) => idOf(id!)));

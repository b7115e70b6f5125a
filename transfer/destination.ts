/** Where users may send this peer: to what the given lookup finds, and nowhere else, whatever the name leads to a moment later. */
import type { LookupFunction } from 'node:net';
import { MailError } from '#mail/failure.ts';

/** The address to connect to. @throws MailError `not-permitted` where there is none that may be reached. */
export function addressOf(host: string, lookup: LookupFunction): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      const [first] = Array.isArray(found) ? found : [{ address: found }];
      if (error === null && first !== undefined) resolve(first.address);
      else {
        const { code } = (error ?? {}) as { readonly code?: string };
        // Names that are not found may be found later.
        const failure = code === undefined ? 'not-permitted' : 'unavailable';
        reject(new MailError(failure, `${host}: ${error?.message ?? 'no address'}`, { cause: error }));
      }
    });
  });
}

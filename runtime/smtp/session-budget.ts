/** What the peer's LIMITS (RFC 9422) leave of a session: how many transactions more, and whose mail fits into the next. */
import type { Address } from '#mail/envelope.ts';
import type { Extensions } from './extensions.ts';

/** RFC 5321 §4.5.3.1.8: everybody must take so many recipients in a transaction. */
const RECIPIENTS = 100;
/** Even where the peer takes more. */
const MOST_RECIPIENTS = 1000;

export class SessionBudget {
  #transactions = 0;
  readonly #domains = new Set<string>();

  /** RFC 9422 §4.1: MAIL counts whatever it is answered. */
  spent(extensions: Extensions): boolean {
    return this.#transactions >= extensions.limit('MAILMAX');
  }

  /** Those that may go into the next transaction, in their order; none when this session can have nothing more for them. */
  choose<R extends { readonly address: Address }>(recipients: readonly R[], extensions: Extensions): R[] {
    if (this.spent(extensions)) return [];
    const told = extensions.limit('RCPTMAX');
    const most = Number.isFinite(told) ? Math.min(told, MOST_RECIPIENTS) : RECIPIENTS;
    const domainLimit = extensions.limit('RCPTDOMAINMAX');
    if (!Number.isFinite(domainLimit)) return recipients.slice(0, most);
    // §4.3: the domains of a whole session count.
    const domains = new Set(this.#domains);
    return recipients
      .filter(({ address }) => {
        const domain = address.domain.toLowerCase();
        if (!domains.has(domain) && domains.size >= domainLimit) return false;
        domains.add(domain);
        return true;
      })
      .slice(0, most);
  }

  used(recipients: readonly { readonly address: Address }[], extensions: Extensions): void {
    this.#transactions += 1;
    if (!Number.isFinite(extensions.limit('RCPTDOMAINMAX'))) return;
    for (const { address } of recipients) this.#domains.add(address.domain.toLowerCase());
  }
}

/** The contract of `MailStore` in tests: STORE.md §2 to §5 and the docstrings of `store/*.ts`. Every backend passes it unchanged. */
import { accounts } from './store/accounts.ts';
import { changes } from './store/changes.ts';
import { commits } from './store/commits.ts';
import { elsewhere } from './store/elsewhere.ts';
import { expunged } from './store/expunged.ts';
import { finding } from './store/finding.ts';
import { flags } from './store/flags.ts';
import { type OpenStore, topic } from './store/kit.ts';
import { mailboxes } from './store/mailboxes.ts';
import { messages } from './store/messages.ts';
import { packs } from './store/packed.ts';
import { placements } from './store/placements.ts';
import { records } from './store/records.ts';
import { search } from './store/search.ts';

export type { OpenStore, StoreHarness, StoreOptions } from './store/kit.ts';

const TOPICS = {
  accounts,
  messages,
  flags,
  packs,
  placements,
  expunged,
  mailboxes,
  commits,
  changes,
  search,
  finding,
  records,
  elsewhere,
};

/** Registers the suite. `open` is called once a topic; each test makes accounts of its own. */
export function storeContract(name: string, open: OpenStore): void {
  for (const [title, tests] of Object.entries(TOPICS)) topic(`${name}: ${title}`, open, tests);
}

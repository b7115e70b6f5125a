/** The second factor of an account: each code and each recovery code counts once, whoever asks at the same time. */
import { MailError } from '#mail/failure.ts';
import type { SecondFactor } from './directory.ts';
import { accountOf, putAccount, type Rows, type Rule } from './directory-requirements.ts';

type FactorChange = 'set-second-factor' | 'use-recovery-code' | 'note-second-factor-step' | 'remove-second-factor';

/** RFC 4226 §4, R6: 128 bits at least. */
const SECRET_OCTETS = { least: 16, most: 64 };
const MOST_RECOVERY_CODES = 32;
const HASH_OCTETS = 32;

export const FACTOR_RULES: { [T in FactorChange]: Rule<T> } = {
  'set-second-factor': (rows, { id, secret, recovery, lastStep = 0 }) => {
    const account = accountOf(rows, id);
    if (secret.length < SECRET_OCTETS.least || secret.length > SECRET_OCTETS.most)
      throw new MailError('bad-request', `a secret has ${SECRET_OCTETS.least} to ${SECRET_OCTETS.most} octets`);
    if (recovery.length > MOST_RECOVERY_CODES || recovery.some((hash) => hash.length !== HASH_OCTETS))
      throw new MailError(
        'bad-request',
        `${MOST_RECOVERY_CODES} recovery codes at most, as hashes of ${HASH_OCTETS} octets`,
      );
    if (!Number.isSafeInteger(lastStep) || lastStep < 0) throw new MailError('bad-request', 'a step is a whole number');
    rows.putSecondFactor(id, { secret, recovery, lastStep });
    putAccount(rows, { ...account, secondFactor: true });
  },
  'use-recovery-code': (rows, { id, hash }) => {
    const factor = factorOf(rows, id);
    const left = factor.recovery.filter((known) => Buffer.compare(known, hash) !== 0);
    if (left.length === factor.recovery.length)
      throw new MailError('conflict', 'there is no such recovery code any more');
    rows.putSecondFactor(id, { ...factor, recovery: left });
  },
  'note-second-factor-step': (rows, { id, step }) => {
    const factor = factorOf(rows, id);
    if (!Number.isSafeInteger(step) || step <= factor.lastStep)
      throw new MailError('conflict', 'the code was used already');
    rows.putSecondFactor(id, { ...factor, lastStep: step });
  },
  'remove-second-factor': (rows, { id }) => {
    const { secondFactor: _, ...account } = accountOf(rows, id);
    rows.putSecondFactor(id, undefined);
    putAccount(rows, account);
  },
};

function factorOf(rows: Rows, id: string): SecondFactor {
  const { address } = accountOf(rows, id);
  const factor = rows.secondFactor(id);
  if (factor === undefined) throw new MailError('bad-request', `${address} has no second factor`);
  return factor;
}

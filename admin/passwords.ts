/** What a new password must be, whoever sets it and wherever. */
import { MailError } from '#mail/failure.ts';
import type { Actor } from './rooms.ts';

/** Characters. */
export const SHORTEST_PASSWORD = 8;
export const LONGEST_PASSWORD = 1024;

/** Whether it can be guessed too easily; then only the admin of the host may set it, who brings people from elsewhere along with what they have. */
export const isShortPassword = (password: string): boolean => password.length < SHORTEST_PASSWORD;

/** @throws MailError `bad-request`, and says why. */
export function checkPassword(password: string, { actor }: Actor): void {
  if (password === '') throw new MailError('bad-request', 'the password is empty');
  if (password.length > LONGEST_PASSWORD)
    throw new MailError('bad-request', `a password has at most ${LONGEST_PASSWORD} characters`);
  if (isShortPassword(password) && actor !== 'cli')
    throw new MailError('bad-request', `a password has at least ${SHORTEST_PASSWORD} characters`);
}

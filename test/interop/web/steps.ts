/** What the trials of the pages do again and again. */
import type { Page } from 'playwright-core';

/** At the sign-in; what comes of it is for the trial to look at. */
export async function signIn(page: Page, address: string, password: string): Promise<void> {
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/**
 * IDLE (RFC 9051 §6.3.13, RFC 2177): reports as things happen, until the client says DONE. Also without a mailbox selected. Only DONE ends it; what
 * the client sent behind DONE stays with the framer and is its next command.
 */
import { bad, type CommandContext, defineCommand, ok } from '../command.ts';

export const idle = defineCommand({
  name: 'IDLE',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['IDLE'],
  parse: (cursor) => cursor.end(),
  run: async (_args, context, state) => {
    context.out.write('+ idling\r\n');
    context.out.flush();
    const reporting = new Reporting(context);
    const stop = state.name === 'selected' ? state.selected.view.onNews(() => reporting.wake()) : undefined;
    try {
      reporting.wake();
      const line = await Promise.race([context.nextLine(), reporting.failed]);
      return line.toString('latin1').toUpperCase() === 'DONE' ? ok('IDLE completed') : bad('Expected DONE');
    } finally {
      stop?.();
      await reporting.end();
    }
  },
});

/** Reports one after the other, however fast news come, and says something now and then so that middle boxes keep the connection. */
class Reporting {
  readonly #context: CommandContext;
  /** Rejects when a report fails. */
  readonly failed: Promise<never>;
  #fail: (error: unknown) => void = () => undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #ended = false;
  #cancelTimer: () => void = () => undefined;

  constructor(context: CommandContext) {
    this.#context = context;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    this.#keepAlive();
  }

  wake(): void {
    if (this.#ended) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#report()
      .catch(this.#fail)
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.wake();
        }
      });
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#cancelTimer();
    await this.#running;
  }

  async #report(): Promise<void> {
    await this.#context.report('all');
    this.#context.out.flush();
    await this.#context.out.ready();
  }

  #keepAlive(): void {
    const { clock, limits } = this.#context.services;
    this.#cancelTimer = clock.after(limits.idleKeepAlive, () => {
      this.#context.out.write('* OK Still here\r\n');
      this.#context.out.flush();
      this.#keepAlive();
    });
  }
}

/**
 * Final delivery (RFC 5321 §4.4): what LMTP hands over becomes a commit for each account, all in flight at once, so that they and the
 * messages pipelined behind share a group of the shard's writer. The index is made while the bytes pass.
 */
import { formatAddress } from '#mail/address.ts';
import type { BodyType, ReversePath } from '#mail/envelope.ts';
import { isTemporary, MailError } from '#mail/failure.ts';
import { formatDeliveredTo, formatReturnPath } from '#mail/header/trace.ts';
import { createIndexer } from '#mail/mime/indexer.ts';
import type { MessageIndex } from '#mail/mime/message-index.ts';
import { replyToError } from '#mail/smtp/failure-replies.ts';
import { isPermanent, type Reply, reply } from '#mail/smtp/reply.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';
import { outcomeOf, reasonOf } from '#runtime/metrics/replies.ts';
import type { ContentSink } from '#runtime/smtp/receiver-content.ts';
import type { Autoreply } from '#store/account-rules.ts';
import { newId } from '#store/ids.ts';
import type { CommitAnswer, Mutation, MutationResult } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId, BodyRef, InlineBody } from '#store/types.ts';
import { type AutoresponderRooms, planAnswer } from './autoresponder.ts';
import { Beginning } from './beginning.ts';
import { BodyIntake } from './body-intake.ts';
import { MailboxChooser } from './choose-mailbox.ts';
import { deliveredTo, hasLoop, TRACE_OCTETS, traceText } from './loop-check.ts';
import { OldReturnPath } from './old-return-path.ts';
import { OnwardMessage, type PassOn } from './onward.ts';
import type { Recipient, Target } from './recipient.ts';
import { octetsForRules, PLAIN, type Plan, planDelivery, plannedMailbox, sentOn } from './rules.ts';

export interface DeliveryRooms {
  readonly store: MailStore;
  /** Asked about messages that may be answered, and no others. */
  readonly directory: AutoresponderRooms['directory'];
  /** Which shard an account lives in. */
  shardOf(account: AccountId): Promise<number>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** To our MTA: for recipients that lead away from here. */
  readonly passOn: PassOn;
}

/** The envelope of one message. */
export interface DeliveryOrder {
  readonly reversePath: ReversePath;
  readonly recipients: readonly Recipient[];
  /** As MAIL declared it: for what goes on. */
  readonly bodyType: BodyType;
  readonly smtputf8: boolean;
  /** From our MTA: a repeat of the same delivery makes no second copy. */
  readonly deliveryId?: string;
  /** Of the LMTP session, for the log and for texts of temporary failures. */
  readonly session: string;
}

export class Deliveries {
  readonly #rooms: DeliveryRooms;
  readonly #mailboxes: MailboxChooser;
  readonly #count: (reply: Reply) => void;

  constructor(rooms: DeliveryRooms) {
    this.#rooms = rooms;
    this.#mailboxes = new MailboxChooser(rooms.store);
    this.#count = recipientCounter(rooms.metrics);
  }

  /** A sink for the content of one message; `finish` answers one reply for each recipient, in their order. */
  open(order: DeliveryOrder): ContentSink {
    return new Delivery(this.#rooms, this.#mailboxes, this.#count, order);
  }
}

/** The message as one account gets it. */
interface Copy {
  readonly recipient: Recipient;
  readonly target: Target;
  readonly index: MessageIndex;
  readonly prefix: Buffer;
  readonly body: BodyRef | InlineBody;
}

class Delivery implements ContentSink {
  readonly #rooms: DeliveryRooms;
  readonly #mailboxes: MailboxChooser;
  readonly #count: (reply: Reply) => void;
  readonly #order: DeliveryOrder;
  readonly #indexer = createIndexer();
  readonly #beginning: Beginning;
  readonly #oldReturnPath = new OldReturnPath();
  readonly #body: BodyIntake;
  /** For those recipients that lead away. */
  readonly #onward: OnwardMessage | undefined;
  readonly #id: string;

  constructor(rooms: DeliveryRooms, mailboxes: MailboxChooser, count: (reply: Reply) => void, order: DeliveryOrder) {
    this.#rooms = rooms;
    this.#mailboxes = mailboxes;
    this.#count = count;
    this.#order = order;
    this.#id = order.deliveryId ?? newId('delivery', rooms.random);
    const accounts = new Set(order.recipients.flatMap(({ targets }) => targets.map(({ account }) => account)));
    this.#body = new BodyIntake(rooms, [...accounts]);
    this.#beginning = new Beginning(Math.max(TRACE_OCTETS, octetsForRules(order.recipients)));
    const paths = order.recipients.filter(({ onward }) => onward).map(({ path }) => path);
    this.#onward = paths.length === 0 ? undefined : new OnwardMessage(rooms.passOn, { ...order, paths });
  }

  write(chunk: Buffer): Promise<void> | undefined {
    return this.#take(this.#oldReturnPath.push(chunk));
  }

  #take(chunk: Buffer): Promise<void> | undefined {
    if (chunk.length === 0) return undefined;
    this.#indexer.push(chunk);
    this.#beginning.write(chunk);
    const kept = this.#body.write(chunk);
    if (this.#onward === undefined) return kept;
    return Promise.all([kept, this.#onward.write(chunk)]).then(() => undefined);
  }

  async finish(): Promise<readonly Reply[]> {
    faultPoint('mda:received');
    await this.#take(this.#oldReturnPath.finish());
    const index = this.#indexer.finish();
    const seen = deliveredTo(traceText(this.#beginning.bytes(), index.root.bodyStart));
    const bodyFor = this.#body.finish();
    const passedOn = this.#onward?.finish();
    const answers = new Map<Recipient, number>();
    for (const recipient of this.#order.recipients) if (recipient.onward) answers.set(recipient, answers.size);
    const replies = await Promise.all(
      this.#order.recipients.map((recipient) => {
        const place = answers.get(recipient);
        if (passedOn !== undefined && place !== undefined) return this.#passOn(recipient, passedOn, place);
        return this.#deliver(recipient, index, seen, bodyFor);
      }),
    );
    for (const each of replies) this.#count(each);
    return replies;
  }

  abort(): void {
    this.#body.abort();
    this.#onward?.abort();
  }

  /** Never rejects. The MTA's 250 means that all copies are durable, those for accounts here too. */
  async #passOn(recipient: Recipient, answers: ReturnType<OnwardMessage['finish']>, place: number): Promise<Reply> {
    try {
      const answer = (await answers)[place]?.();
      if (answer === undefined) throw new Error('the MTA answered for somebody else');
      faultPoint('mda:passed-on');
      const { log } = this.#rooms;
      log.info(
        { session: this.#order.session, delivery: this.#id, recipient: recipient.sent, code: answer.code },
        'passed on',
      );
      return answer;
    } catch (error) {
      return this.#refusal(recipient, undefined, error);
    }
  }

  /** Never rejects. An alias is answered as well as its worst target, a temporary failure being worse than a permanent one. */
  async #deliver(
    recipient: Recipient,
    index: MessageIndex,
    seen: ReadonlySet<string>,
    bodyFor: (account: AccountId) => Promise<BodyRef | InlineBody>,
  ): Promise<Reply> {
    const replies = await Promise.all(
      recipient.targets.map(async (target) => {
        try {
          if (hasLoop(seen, target.address))
            throw new MailError('loop', `Delivered to ${formatAddress(target.address)} before`);
          return await this.#store(recipient, target, index, await bodyFor(target.account));
        } catch (error) {
          return this.#refusal(recipient, target, error);
        }
      }),
    );
    const temporary = replies.find((each) => each.code >= 400 && !isPermanent(each));
    return temporary ?? replies.find(isPermanent) ?? (replies[0] as Reply);
  }

  async #store(recipient: Recipient, target: Target, index: MessageIndex, body: BodyRef | InlineBody): Promise<Reply> {
    const { account } = target;
    const { log } = this.#rooms;
    const copy: Copy = { recipient, target, index, prefix: this.#prefix(target), body };
    const plan = this.#plan(copy);
    const { session } = this.#order;
    const fields = { session, delivery: this.#id, account };
    if (plan.place.kind === 'nowhere') {
      log.info({ ...fields, recipient: recipient.sent, filters: plan.matched }, 'discarded by a filter');
      return reply(250, '1.5', 'Delivered');
    }
    let answer = await this.#commitAnswering(copy, plan);
    if (!answer.ok && (answer.failure === 'no-such-mailbox' || answer.failure === 'exists')) {
      // It went between the choice and the commit, or before, and a filter names it still; or another delivery has just made it.
      this.#mailboxes.forget(account);
      answer = await this.#commit(copy, { ...plan, place: { kind: 'default' } });
    }
    if (!answer.ok) throw new MailError(answer.failure, answer.text);
    faultPoint('mda:stored');
    const stored = added(answer.results);
    log.info(
      {
        ...fields,
        size: index.size,
        uid: stored.uid,
        message: stored.message,
        repeated: answer.repeated,
        ...(plan.matched.length > 0 && { filters: plan.matched }),
      },
      'delivered',
    );
    return reply(250, '1.5', `Delivered ${stored.message}`);
  }

  #prefix({ address }: Target): Buffer {
    return Buffer.from(formatReturnPath(this.#order.reversePath) + formatDeliveredTo(address));
  }

  #plan({ recipient, target, index, prefix }: Copy): Plan {
    const { rules } = target;
    if (rules === undefined) return PLAIN;
    const { log } = this.#rooms;
    const { reversePath, session } = this.#order;
    const message = { reversePath, index, beginning: () => this.#beginning.bytes() };
    return planDelivery(recipient, { ...target, rules }, message, prefix.length, (error, filter) =>
      log.error({ session, delivery: this.#id, account: target.account, filter, err: error }, 'a rule failed'),
    );
  }

  /** With the answer of who is away. What speaks against that alone, another delivery that answers the same correspondent, is none against the message. */
  async #commitAnswering(copy: Copy, plan: Plan): Promise<CommitAnswer> {
    if (copy.target.rules?.autoreply === undefined) return this.#commit(copy, plan);
    const answers = await this.#answers(copy, plan, copy.target.rules.autoreply);
    const answer = await this.#commit(copy, plan, answers);
    return answer.ok || answers.length === 0 ? answer : await this.#commit(copy, plan);
  }

  /** Never rejects: mail is not lost for an answer. */
  async #answers({ target, index }: Copy, plan: Plan, autoreply: Autoreply): Promise<readonly Mutation[]> {
    if (plan.place.kind === 'junk' || plan.place.kind === 'trash') return [];
    const { log } = this.#rooms;
    const fields = { session: this.#order.session, delivery: this.#id, account: target.account };
    try {
      const header = traceText(this.#beginning.bytes(), index.root.bodyStart);
      const incoming = { reversePath: this.#order.reversePath, index, header };
      const { mutations, reason } = await planAnswer(this.#rooms, target.account, autoreply, incoming);
      log.debug({ ...fields, reason }, reason === undefined ? 'to be answered' : 'not answered');
      return mutations;
    } catch (err) {
      log.error({ ...fields, err }, 'an answer could not be decided on');
      return [];
    }
  }

  async #commit(
    { recipient, target, index, prefix, body }: Copy,
    plan: Plan,
    answers: readonly Mutation[] = [],
  ): Promise<CommitAnswer> {
    const { clock, random, store } = this.#rooms;
    const { account } = target;
    const planned = await plannedMailbox(this.#rooms, target, plan);
    const mailbox = planned?.id ?? (await this.#mailboxes.choose(account, target.detail));
    const id = newId('message', random);
    return store.commit({
      owner: account,
      actor: account,
      // STORE.md §2: (delivery id, forward-path as sent in RCPT), within the account.
      id: `${this.#id} ${recipient.sent}`,
      mutations: [
        ...(planned?.mutations ?? []),
        {
          type: 'add-message',
          mailbox,
          flags: plan.flags,
          message: { id, body, prefix, index, internalDate: { time: clock.now(), zone: 0 } },
        },
        ...sentOn(plan, id, random),
        ...answers,
      ],
    });
  }

  #refusal(recipient: Recipient, target: Target | undefined, error: unknown): Reply {
    const { log } = this.#rooms;
    const { session } = this.#order;
    const fields = { session, delivery: this.#id, recipient: recipient.sent, account: target?.account };
    // An account that vanished between RCPT and the end of the content: what INBOX was remembered is worth nothing.
    if (target !== undefined && (!(error instanceof MailError) || !isTemporary(error)))
      this.#mailboxes.forget(target.account);
    const answer = replyToError(error, session, (fault) => log.error({ ...fields, err: fault }, 'delivery failed'));
    log.info({ ...fields, code: answer.code, text: answer.lines[0] }, 'not delivered');
    return answer;
  }
}

function added(results: readonly MutationResult[]): Extract<MutationResult, { type: 'add-message' }> {
  const found = results.find((result) => result.type === 'add-message');
  if (found === undefined) throw new Error('the store answered something else');
  return found;
}

/** What was looked up once is found by a short key: this runs for each recipient. */
function recipientCounter(metrics: Metrics | undefined): (answer: Reply) => void {
  const counters = new Map<string, Counter>();
  return (answer) => {
    if (metrics === undefined) return;
    const reason = reasonOf(answer);
    const key = `${outcomeOf(answer)} ${reason}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      const outcome = outcomeOf(answer) === 'ok' ? 'delivered' : outcomeOf(answer);
      counter = metrics.counter('lmtp_recipients_total', { outcome, reason });
      counters.set(key, counter);
    }
    counter.add();
  };
}

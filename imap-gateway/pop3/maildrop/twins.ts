/**
 * Unique ids of messages that stand in a maildrop more than once, by COPY: which placement has which id is written down once they are told, so that it keeps it
 * when another goes. A placement that comes back, with another UID, gets one that nobody has at the moment. All of them name the same octets.
 */
import type { MessageId, Uid } from '#store/types.ts';

/** Ids that were given, by message: the UID that had it last, and the id. */
export type Given = ReadonlyMap<MessageId, readonly (readonly [uid: Uid, id: string])[]>;

export interface Assigned {
  /** In the order of the UIDs. */
  readonly ids: readonly string[];
  /** What is to be written down; absent where nothing has changed. */
  readonly given?: Given;
}

/** @param uids of a maildrop, ascending, with the message of each. */
export function assign(uids: ArrayLike<Uid>, messages: readonly MessageId[], known: Given): Assigned {
  const places = new Map<MessageId, number[]>();
  const twins = new Set<MessageId>();
  for (const [place, message] of messages.entries()) {
    const others = places.get(message);
    if (others === undefined) {
      places.set(message, [place]);
      if (known.has(message)) twins.add(message);
    } else {
      others.push(place);
      twins.add(message);
    }
  }
  if (twins.size === 0) return { ids: messages };
  const ids = [...messages];
  const given = new Map(known);
  let changed = false;
  for (const message of twins) {
    const here = places.get(message)!;
    const before = known.get(message) ?? [];
    const after = assignOne(
      message,
      here.map((place) => uids[place]!),
      before,
    );
    for (const [i, place] of here.entries()) ids[place] = after[i]![1];
    if (JSON.stringify(after) === JSON.stringify(before)) continue;
    given.set(message, after);
    changed = true;
  }
  return changed ? { ids, given } : { ids };
}

/** Answers the placements that are here, in their order, and behind them the ids that nobody has. */
function assignOne(message: MessageId, uids: readonly Uid[], before: readonly (readonly [Uid, string])[]) {
  const had = new Map(before);
  const free = before.filter(([uid]) => !uids.includes(uid));
  const taken = new Set(before.map(([, id]) => id));
  const fresh = (uid: Uid): string => {
    let id = taken.has(message) ? `${message}.${uid}` : message;
    while (taken.has(id)) id += '.';
    taken.add(id);
    return id;
  };
  const here = uids.map((uid) => [uid, had.get(uid) ?? free.shift()?.[1] ?? fresh(uid)] as const);
  return [...here, ...free];
}

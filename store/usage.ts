/** How much of the disk a shard takes, for `peerpost status`. */
export interface ShardUsage {
  readonly shard: number;
  /** Octets of the database, and of its pages that are free. */
  readonly database: { readonly bytes: number; readonly free: number };
  /** Octets of large bodies that are referred to, and of those that are not and wait for their segment to be rewritten or removed. */
  readonly segments: { readonly files: number; readonly live: number; readonly dead: number };
}

export interface UnreadableShard {
  readonly shard: number;
  readonly error: string;
}

/** What the indexer is willing to do for one message. Beyond a limit the message is kept and served all the same, less finely divided. */
export interface IndexLimits {
  /** Open parts, one within the other; a deeper multipart or message is a leaf. */
  readonly depth: number;
  /** Parts altogether; what follows belongs to no part. */
  readonly parts: number;
  /** Octets of one header section, and of all of them, that are read for fields. */
  readonly headerBytes: number;
  readonly allHeaderBytes: number;
  /** Addresses of one field. */
  readonly addresses: number;
  readonly parameters: number;
}

export const INDEX_LIMITS: IndexLimits = {
  depth: 100,
  parts: 10_000,
  headerBytes: 524_288,
  allHeaderBytes: 4_194_304,
  addresses: 10_000,
  parameters: 200,
};

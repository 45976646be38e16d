/** One parser under fuzzing. Made once a run; `read` is called millions of times and allocates nothing of its own. */
export interface FuzzTarget {
  /** Names it on the command line and in fuzz/regressions. */
  readonly name: string;
  /** Valid inputs, as others made them where a capture has them. Mutations start from here. */
  readonly seeds: readonly Uint8Array[];
  /**
   * Reads the input at [offset, offset + length) and gives a digest of all that was read, offsets relative to the
   * input; REFUSED where the parser refused it. Throws where the parser broke its word: that, and anything that the
   * parser throws, is a finding. So is a digest that depends on the bytes around the input.
   */
  read(bytes: Uint8Array, offset: number, length: number): number;
}

/** Digest of an input that was refused. */
export const REFUSED = 0;

/** Upper bound for any loop over an input: more is a parser that does not end. */
export const MAX_STEPS = 200_000;

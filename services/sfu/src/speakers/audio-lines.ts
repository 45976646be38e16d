/** A line carries another track from now on. */
export interface LineChange {
  readonly from: string;
  readonly to: string;
}

/**
 * Which audio tracks one listener hears on its bounded number of m-lines. While there are enough lines each track has its
 * own; beyond that, whoever begins to speak takes the line of whoever ranks lowest. Decides only: knows no connection.
 */
export class AudioLines {
  readonly #maxLines: number;
  /** Track ids with a line. */
  readonly #carried = new Set<string>();
  /** Wanted, but without a line. */
  readonly #waiting = new Set<string>();

  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  /** Whether not all wanted tracks have a line. */
  get isShort(): boolean {
    return this.#waiting.size > 0;
  }

  has(trackId: string): boolean {
    return this.#carried.has(trackId) || this.#waiting.has(trackId);
  }

  /** A track is wanted. True: it gets a line of its own. */
  add(trackId: string): boolean {
    if (this.#carried.size < this.#maxLines) this.#carried.add(trackId);
    else if (!this.#carried.has(trackId)) this.#waiting.add(trackId);
    return this.#carried.has(trackId);
  }

  /**
   * A track is not wanted any more. Says which waiting track takes its line over (the first in `ranked`); undefined where
   * it had none, or nobody waits.
   */
  remove(trackId: string, ranked: readonly string[]): LineChange | undefined {
    this.#waiting.delete(trackId);
    if (!this.#carried.delete(trackId) || this.#waiting.size === 0) return undefined;
    const next = ranked.find((id) => this.#waiting.has(id)) ?? this.#waiting.values().next().value;
    return next === undefined ? undefined : this.#take(trackId, next);
  }

  /** Follows who speaks (the loudest first): lines of those who do not, or less loudly, go over to those who do. */
  follow(speaking: readonly string[], ranked: readonly string[]): LineChange[] {
    if (this.#waiting.size === 0) return [];
    const heard = speaking.filter((id) => this.has(id)).slice(0, this.#maxLines);
    const changes: LineChange[] = [];
    for (const id of heard) {
      if (!this.#waiting.has(id)) continue;
      const from = this.#lowest(ranked, heard);
      if (from === undefined) break;
      this.#carried.delete(from);
      this.#waiting.add(from);
      changes.push(this.#take(from, id));
    }
    return changes;
  }

  clear(): void {
    this.#carried.clear();
    this.#waiting.clear();
  }

  /** The carried track that ranks lowest and is not to be heard; one that is not ranked comes before all others. */
  #lowest(ranked: readonly string[], heard: readonly string[]): string | undefined {
    const known = new Set(ranked);
    for (const id of this.#carried) if (!known.has(id) && !heard.includes(id)) return id;
    for (let i = ranked.length - 1; i >= 0; i--) {
      if (this.#carried.has(ranked[i]) && !heard.includes(ranked[i])) return ranked[i];
    }
    return undefined;
  }

  #take(from: string, to: string): LineChange {
    this.#waiting.delete(to);
    this.#carried.add(to);
    return { from, to };
  }
}

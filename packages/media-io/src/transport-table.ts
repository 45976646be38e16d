import type { TransportHandle } from "@cation/engine/ids";

const MAX_TRANSPORTS = 65_536;
/** A closed index rests until this many others are closed too, so that a stale handle meets nobody new. */
const RESTING_INDICES = 1024;

/** Gives transports their handles and finds them again: index in the low 16 bits, generation above, never 0. */
export class TransportTable<Entry> {
  readonly #entries: (Entry | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #closed: number[] = [];

  /** Makes an entry for a new handle. Throws a RangeError at 65,536 open transports. */
  open(create: (handle: TransportHandle) => Entry): Entry {
    const index = this.#takeIndex();
    const generation = (this.#generations[index] % 0xffff) + 1;
    this.#generations[index] = generation;
    const entry = create((((generation << 16) | index) >>> 0) as TransportHandle);
    this.#entries[index] = entry;
    return entry;
  }

  get(handle: number): Entry | undefined {
    const index = handle & 0xffff;
    return this.#generations[index] === handle >>> 16 ? this.#entries[index] : undefined;
  }

  /** Removes and returns the entry; `undefined` where the handle is not open. */
  close(handle: number): Entry | undefined {
    const entry = this.get(handle);
    if (entry === undefined) return undefined;
    const index = handle & 0xffff;
    this.#entries[index] = undefined;
    this.#closed.push(index);
    return entry;
  }

  #takeIndex(): number {
    const fresh = this.#entries.length;
    const reused = this.#closed.length > RESTING_INDICES || fresh === MAX_TRANSPORTS ? this.#closed.shift() : undefined;
    if (reused !== undefined) return reused;
    if (fresh === MAX_TRANSPORTS) throw new RangeError(`${MAX_TRANSPORTS} transports are open`);
    this.#entries.push(undefined);
    this.#generations.push(0);
    return fresh;
  }
}

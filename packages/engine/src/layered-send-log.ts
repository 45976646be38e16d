const CAPACITY = 512;
const MASK = CAPACITY - 1;
const FORCED = 0.5;

/**
 * Which packets of a source with layers went out, and which of them with a marker that their sender did not set: only
 * those are sent again, and as they were. The producer's history has packets too that this receiver never got.
 */
export class LayeredSendLog {
  readonly #numbers = new Float64Array(CAPACITY).fill(-1);

  note(number: number, forcedMarker: boolean): void {
    this.#numbers[number & MASK] = forcedMarker ? number + FORCED : number;
  }

  has(number: number): boolean {
    const noted = this.#numbers[number & MASK];
    return noted === number || noted === number + FORCED;
  }

  forcedMarker(number: number): boolean {
    return this.#numbers[number & MASK] === number + FORCED;
  }
}

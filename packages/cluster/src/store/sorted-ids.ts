/** Ids in the order of their UTF-8 bytes, as Redis sorts members of equal score. */
export class SortedIds {
  readonly #ids: string[] = [];

  get size(): number {
    return this.#ids.length;
  }

  add(id: string): void {
    const index = this.#lowerBound(id);
    if (this.#ids[index] !== id) this.#ids.splice(index, 0, id);
  }

  delete(id: string): void {
    const index = this.#lowerBound(id);
    if (this.#ids[index] === id) this.#ids.splice(index, 1);
  }

  /** At most `limit` ids that come after one, which need not be there. */
  after(id: string, limit: number): string[] {
    let start = this.#lowerBound(id);
    if (this.#ids[start] === id) start += 1;
    return this.#ids.slice(start, start + limit);
  }

  #lowerBound(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(this.#ids[middle] as string, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Orders text as its UTF-8 bytes are ordered, which is by code point and not, as `<` does, by UTF-16 unit. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return sortKey(unitA) - sortKey(unitB);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all other units. */
function sortKey(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

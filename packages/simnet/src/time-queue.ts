/** A queue ordered by time, first in first out among equals: a binary heap. */
export class TimeQueue<T> {
  readonly #items: T[] = [];
  readonly #timesUs: number[] = [];
  readonly #orders: number[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** Time of the first item; infinite where there is none. */
  get nextUs(): number {
    return this.#timesUs.length === 0 ? Number.POSITIVE_INFINITY : this.#timesUs[0];
  }

  push(timeUs: number, item: T): void {
    let i = this.#items.length;
    const order = this.#order++;
    this.#items.push(item);
    this.#timesUs.push(timeUs);
    this.#orders.push(order);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(i, parent)) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  /** Takes the first item; undefined where there is none. */
  pop(): T | undefined {
    if (this.#items.length === 0) return undefined;
    this.#swap(0, this.#items.length - 1);
    const item = this.#items.pop();
    this.#timesUs.pop();
    this.#orders.pop();
    this.#sink();
    return item;
  }

  #sink(): void {
    const count = this.#items.length;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      const right = left + 1;
      let first = i;
      if (left < count && this.#before(left, first)) first = left;
      if (right < count && this.#before(right, first)) first = right;
      if (first === i) return;
      this.#swap(i, first);
      i = first;
    }
  }

  #before(a: number, b: number): boolean {
    if (this.#timesUs[a] !== this.#timesUs[b]) return this.#timesUs[a] < this.#timesUs[b];
    return this.#orders[a] < this.#orders[b];
  }

  #swap(a: number, b: number): void {
    [this.#items[a], this.#items[b]] = [this.#items[b], this.#items[a]];
    [this.#timesUs[a], this.#timesUs[b]] = [this.#timesUs[b], this.#timesUs[a]];
    [this.#orders[a], this.#orders[b]] = [this.#orders[b], this.#orders[a]];
  }
}

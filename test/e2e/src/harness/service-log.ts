/** The last lines that services wrote, for the one who reads why a test failed. */
export class ServiceLog {
  readonly #lines: string[] = [];
  readonly #maxLines: number;

  constructor(maxLines = 400) {
    this.#maxLines = maxLines;
  }

  readonly add = (name: string, line: string): void => {
    this.#lines.push(`${name.padEnd(9)} ${line}`);
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  };

  /** Lines that match, oldest first. */
  matching(pattern: RegExp): string[] {
    return this.#lines.filter((line) => pattern.test(line));
  }

  toString(): string {
    return this.#lines.join("\n");
  }
}

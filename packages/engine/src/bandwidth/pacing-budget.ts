import type { TransportTable } from "../transport-table.ts";
import { TransportDouble } from "../transport-table.ts";

/** Limit of a transport that is not paced, and of one whose packets all have to wait for their turn. */
const NOT_PACED = 0;
const ALL_WAIT = -1;

/**
 * What one transport has sent beyond what its pacing rate gave: a debt in bytes. It stands in the transport's row, where forwarding
 * finds it, so that a packet that may leave at once costs no more than reading it.
 */
export class PacingBudget {
  readonly #table: TransportTable;
  readonly #start: number;

  /** `row` is the start of the transport's row. */
  constructor(table: TransportTable, row: number) {
    this.#table = table;
    this.#start = row >> 1;
  }

  get debtBytes(): number {
    return this.#table.f64[this.#start + TransportDouble.DEBT_BYTES];
  }

  /** Until when the debt has been paid off. */
  get paidUs(): number {
    return this.#table.f64[this.#start + TransportDouble.PAID_US];
  }

  /** Takes what `bytesPerUs` has given since the last payment; the debt counts up to `maxDebtBytes`. */
  pay(bytesPerUs: number, maxDebtBytes: number, nowUs: number): void {
    const { f64 } = this.#table;
    const elapsedUs = nowUs - this.paidUs;
    if (elapsedUs <= 0) return;
    f64[this.#start + TransportDouble.PAID_US] = nowUs;
    f64[this.#start + TransportDouble.DEBT_BYTES] = Math.max(
      0,
      Math.min(this.debtBytes, maxDebtBytes) - bytesPerUs * elapsedUs,
    );
  }

  owe(bytes: number): void {
    this.#table.f64[this.#start + TransportDouble.DEBT_BYTES] += bytes;
  }

  /** Packets may leave at once while the debt, paid off at this rate, is not above the limit. */
  open(bytesPerUs: number, limitBytes: number): void {
    const { f64 } = this.#table;
    f64[this.#start + TransportDouble.BYTES_PER_US] = bytesPerUs;
    f64[this.#start + TransportDouble.LIMIT_BYTES] = Math.max(1, limitBytes);
  }

  /** No packet leaves before its turn. */
  shut(): void {
    this.#table.f64[this.#start + TransportDouble.LIMIT_BYTES] = ALL_WAIT;
  }

  /** The transport is not paced any more. */
  release(): void {
    this.#table.f64[this.#start + TransportDouble.LIMIT_BYTES] = NOT_PACED;
  }
}

/**
 * Whether a packet of the transport whose row begins at word `row` may leave at once; then it is accounted for. The hot path: once a
 * packet and consumer.
 */
export function mayLeave(f64: Float64Array, row: number, bytes: number, nowUs: number): boolean {
  const start = row >> 1;
  const limitBytes = f64[start + TransportDouble.LIMIT_BYTES];
  if (limitBytes === NOT_PACED) return true;
  if (limitBytes < 0) return false;
  const elapsedUs = nowUs - f64[start + TransportDouble.PAID_US];
  let debtBytes = f64[start + TransportDouble.DEBT_BYTES];
  if (elapsedUs > 0) {
    debtBytes = Math.max(0, debtBytes - elapsedUs * f64[start + TransportDouble.BYTES_PER_US]);
    f64[start + TransportDouble.PAID_US] = nowUs;
    f64[start + TransportDouble.DEBT_BYTES] = debtBytes;
  }
  if (debtBytes > limitBytes) return false;
  f64[start + TransportDouble.DEBT_BYTES] = debtBytes + bytes;
  return true;
}

/** Accounts for a packet that leaves whatever the budget says. */
export function leaveAnyway(f64: Float64Array, row: number, bytes: number): void {
  f64[(row >> 1) + TransportDouble.DEBT_BYTES] += bytes;
}

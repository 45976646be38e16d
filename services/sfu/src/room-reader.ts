import type { RoomReplica } from "@cation/cluster/room-replica";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";

/** Between two attempts to read the room while islb does not answer. */
const READ_RETRY_MS = 1_000;
/** Events of two publishers may overtake each other: a gap is given this long to close by itself. */
const GAP_PATIENCE_MS = 250;

export interface RoomReaderOptions {
  readonly replica: RoomReplica;
  readonly islb: Pick<IslbService, "getRoom">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads a room from islb whenever its replica lacks something, until it does not. One call at a time. */
export class RoomReader {
  readonly #options: RoomReaderOptions;
  #timer: Timer | undefined;
  #reading: Promise<void> | undefined;
  /** Told that the state is old, by somebody who must know. */
  #mustRead = false;
  #closed = false;

  constructor(options: RoomReaderOptions) {
    this.#options = options;
  }

  /** Events are missing: reads soon, unless they come meanwhile. */
  noteGap(): void {
    this.#schedule(GAP_PATIENCE_MS);
  }

  /** What is known may be old: reads now. */
  request(): void {
    this.#mustRead = true;
    this.#schedule(0);
  }

  /** Reads now. Resolves when that was done, or could not be; who asks meanwhile waits for the same answer. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(delayMs: number): void {
    if (this.#closed || this.#reading || this.#timer) return;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      if (this.#mustRead || this.#options.replica.behind) void this.refresh();
    });
  }

  async #read(): Promise<void> {
    const { islb, logger, replica } = this.#options;
    const { roomId } = replica;
    this.#mustRead = false;
    let delayMs = GAP_PATIENCE_MS;
    try {
      const snapshot = await islb.getRoom({ roomId });
      if (!this.#closed) replica.applySnapshot(snapshot);
    } catch (error) {
      // Sessions and media go on with what is known, also where the store has lost its memory.
      logger.warn({ err: toCodedError(error), roomId }, "room not read");
      delayMs = READ_RETRY_MS;
    }
    this.#reading = undefined;
    if (this.#mustRead || replica.behind) this.#schedule(delayMs);
  }
}

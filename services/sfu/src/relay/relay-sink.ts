import type { PacketSink } from "@cation/engine/packet-sink";
import type { PacketStore } from "@cation/engine/packet-store";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendBatch, SendKind } from "@cation/engine/send-batch";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { LayerShedder } from "./layer-shedder.ts";
import { PacketBatchWriter } from "./packet-framing.ts";

/** No packet waits longer than this for company. */
export const FLUSH_INTERVAL_MS = 5;
/** What may still be written while the other side lags; beyond it even audio is dropped, so that nothing becomes old. */
const CONGESTED_LIMIT_BYTES = 64 * 1024;
/** A stream that takes no more for a moment is busy, not slow: so long, and so much, video is written to it still. */
const PATIENCE_MS = 100;
const PATIENCE_BYTES = 1024 * 1024;
/** Records of one flush of the engine. */
const BATCH_RECORDS = 64;
/** Offset of the ssrc in an RTP header (RFC 3550 §5.1). */
const SSRC_OFFSET = 8;

/** Where full batches go: the stream to the other node. */
export interface BatchOutput {
  /** Sends a batch, in memory of its own. False: the other side lags, and `RelaySink.drained` follows when it no longer does. */
  write(packets: Buffer): boolean;
}

export interface RelaySinkOptions {
  readonly store: PacketStore;
  readonly clock: Clock;
  readonly output: BatchOutput;
  /** Video that had been left out goes again: these streams need a keyframe. */
  readonly onVideoLost: (ssrcs: readonly number[]) => void;
}

/**
 * Takes the engine's records for a relay link and sends their packets in batches. While the other side lags, video is
 * left out rather than queued, whole encodings, the highest first (`LayerShedder`); audio and RTCP go on, up to a bound.
 */
export class RelaySink implements PacketSink {
  readonly batch = new SendBatch(BATCH_RECORDS);
  /** Packets handed to the stream. */
  sentPackets = 0;
  sentBytes = 0;
  /** Dropped because the other side lagged. */
  congestionDrops = 0;
  /** Dropped because the payload's slot had been written again, or the packet fits into no batch. */
  unsendableDrops = 0;

  readonly #options: RelaySinkOptions;
  readonly #writer = new PacketBatchWriter();
  /** Encodings of video streams, by ssrc. */
  readonly #encodings = new Map<number, number>();
  readonly #shedder = new LayerShedder();
  readonly #lostSsrcs = new Set<number>();
  #timer: Timer | undefined;
  #congested = false;
  #congestedBytes = 0;
  #congestedAtMs = 0;
  #closed = false;

  constructor(options: RelaySinkOptions) {
    this.#options = options;
  }

  /** Streams that may be dropped while the other side lags. */
  addVideo(ssrc: number, encoding: number): void {
    this.#encodings.set(ssrc, encoding);
  }

  removeVideo(ssrc: number): void {
    this.#encodings.delete(ssrc);
    this.#lostSsrcs.delete(ssrc);
  }

  flush(): void {
    const { batch } = this;
    for (let i = 0; i < batch.count; i++) this.#take(i);
    batch.count = 0;
    if (this.#writer.empty || this.#closed) return;
    this.#timer ??= this.#options.clock.setTimer(FLUSH_INTERVAL_MS, () => {
      this.#timer = undefined;
      this.#send();
    });
  }

  /** Encodings that are left out now, from the top. */
  get shedLevel(): number {
    return this.#shedder.level;
  }

  /** The other side takes messages again. */
  drained(): void {
    if (!this.#congested) return;
    this.#congested = false;
    this.#congestedBytes = 0;
    this.#askForLost();
  }

  /** A batch was not taken, and is gone: with it, perhaps, some of every stream. */
  noteDropped(): void {
    this.#shedder.noteBlocked(this.#options.clock.monotonicMs());
    for (const ssrc of this.#encodings.keys()) this.#lostSsrcs.add(ssrc);
    this.congestionDrops += 1;
  }

  /** How long a message takes to the other side and back. */
  noteRoundTrip(roundTripMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#congested && !this.#isPatient()) this.#shedder.noteBlocked(nowMs);
    else if (this.#shedder.noteRoundTrip(roundTripMs, nowMs)) this.#askForLost();
  }

  /** A new stream takes the place of a broken one: nothing that waited is of use there. */
  reset(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#writer.empty) this.#writer.take();
    this.#congested = false;
    this.#congestedBytes = 0;
    this.#lostSsrcs.clear();
    this.#shedder.reset();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.reset();
  }

  #take(index: number): void {
    const { batch } = this;
    const { store } = this.#options;
    const word = (index * SEND_RECORD_BYTES) / 4;
    const half = word * 2;
    const byte = index * SEND_RECORD_BYTES;
    const slot = batch.u32[word + 1];
    const restBytes = batch.u16[half + 7];
    const prefixBytes = batch.u16[half + 11];
    if (this.#closed) return;
    if (this.#mustShed(byte, prefixBytes, restBytes)) {
      this.congestionDrops += 1;
      return;
    }
    const packetBytes = prefixBytes + restBytes;
    const late = restBytes > 0 && store.generations[slot] !== batch.u32[word + 2];
    if (!late && !this.#writer.fits(packetBytes)) this.#send();
    if (late || !this.#writer.fits(packetBytes)) {
      this.unsendableDrops += 1;
      return;
    }
    const restOffset = slot * store.slotBytes + batch.u16[half + 6];
    this.#writer.append(batch.u8, byte + SEND_PREFIX_OFFSET, prefixBytes, store.bytes, restOffset, restBytes);
    this.sentPackets += 1;
    this.sentBytes += packetBytes;
    if (this.#congested) this.#congestedBytes += packetBytes;
    if (this.#writer.ripe) this.#send();
  }

  #mustShed(byte: number, prefixBytes: number, restBytes: number): boolean {
    if (!this.#congested && this.#shedder.level === 0) return false;
    const { batch } = this;
    if (batch.u8[byte + 20] === SendKind.RTP) {
      const ssrc = batch.view.getUint32(byte + SEND_PREFIX_OFFSET + SSRC_OFFSET);
      const encoding = this.#encodings.get(ssrc);
      if (encoding !== undefined && (this.#isSlow(prefixBytes + restBytes) || !this.#shedder.passes(encoding))) {
        this.#lostSsrcs.add(ssrc);
        return true;
      }
    }
    if (!this.#congested) return false;
    const limitBytes = this.#isPatient() ? PATIENCE_BYTES : CONGESTED_LIMIT_BYTES;
    return this.#congestedBytes + prefixBytes + restBytes > limitBytes;
  }

  #isPatient(): boolean {
    return this.#options.clock.monotonicMs() - this.#congestedAtMs < PATIENCE_MS;
  }

  /** Whether what was written before has waited for too long. */
  #isSlow(bytes: number): boolean {
    if (!this.#congested) return false;
    if (this.#isPatient()) return this.#congestedBytes + bytes > PATIENCE_BYTES;
    this.#shedder.noteBlocked(this.#options.clock.monotonicMs());
    return true;
  }

  /** Streams that go again after some of them had been left out. */
  #askForLost(): void {
    const back: number[] = [];
    for (const ssrc of this.#lostSsrcs) {
      if (!this.#shedder.passes(this.#encodings.get(ssrc) ?? 0)) continue;
      this.#lostSsrcs.delete(ssrc);
      back.push(ssrc);
    }
    if (back.length > 0) this.#options.onVideoLost(back);
  }

  #send(): void {
    if (this.#writer.empty || this.#closed) return;
    if (this.#options.output.write(this.#writer.take())) return;
    if (this.#congested) return;
    this.#congested = true;
    this.#congestedBytes = 0;
    this.#congestedAtMs = this.#options.clock.monotonicMs();
  }
}

import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendKind } from "@cation/engine/send-batch";
import { RingPacketStore } from "@cation/media-io/ring-packet-store";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { describe, expect, it } from "vitest";
import { PacketBatchReader } from "./packet-framing.ts";
import { RelaySink } from "./relay-sink.ts";

const AUDIO = 1;
/** 150, 500 and 1,700 kb/s. */
const VIDEO_BPS = [150_000, 500_000, 1_700_000];
const VIDEO = [10, 11, 12];
const PACKET_BYTES = 1_000;
const HIGH_WATER_MESSAGES = 16;

interface Arrived {
  readonly ssrc: number;
  readonly ageMs: number;
  readonly atMs: number;
}

/** A stream that carries so many bits a second, with the buffer that a kernel has, and 50 ms each way. */
class ThinStream {
  readonly arrived: Arrived[] = [];
  bps: number;
  readonly #clock: VirtualClock;
  readonly #queue: { readonly packets: Buffer; readonly atMs: number }[] = [];
  #kernelBytes = 0;
  readonly #kernel: { readonly packets: Buffer; readonly atMs: number }[] = [];
  #blocked = false;
  #credit = 0;
  onDrain: () => void = () => undefined;

  constructor(clock: VirtualClock, bps: number) {
    this.#clock = clock;
    this.bps = bps;
  }

  get queuedMs(): number {
    const waiting = [...this.#kernel, ...this.#queue].reduce((sum, { packets }) => sum + packets.length, 0);
    return (waiting * 8_000) / this.bps;
  }

  write(packets: Buffer): boolean {
    this.#queue.push({ packets, atMs: this.#clock.monotonicMs() });
    this.#fill();
    this.#blocked = this.#queue.length >= HIGH_WATER_MESSAGES;
    return !this.#blocked;
  }

  pass(ms: number): void {
    this.#credit = Math.min(this.#credit + (this.bps * ms) / 8_000, 20_000);
    for (let first = this.#kernel[0]; first && first.packets.length <= this.#credit; first = this.#kernel[0]) {
      this.#kernel.shift();
      this.#credit -= first.packets.length;
      this.#kernelBytes -= first.packets.length;
      this.#deliver(first.packets, first.atMs);
    }
    this.#fill();
    if (!this.#blocked || this.#queue.length >= HIGH_WATER_MESSAGES / 2) return;
    this.#blocked = false;
    this.onDrain();
  }

  #fill(): void {
    for (let first = this.#queue[0]; first && this.#kernelBytes < 128_000; first = this.#queue[0]) {
      this.#queue.shift();
      this.#kernel.push(first);
      this.#kernelBytes += first.packets.length;
    }
  }

  #deliver(packets: Buffer, atMs: number): void {
    const reader = new PacketBatchReader();
    reader.reset(packets);
    const nowMs = this.#clock.monotonicMs();
    while (reader.next())
      this.arrived.push({ ssrc: packets.readUInt32BE(reader.offset + 8), ageMs: nowMs - atMs, atMs: nowMs });
  }
}

function run(bpsAt: (second: number) => number, seconds: number) {
  const clock = new VirtualClock();
  const store = RingPacketStore.create(1024);
  const stream = new ThinStream(clock, bpsAt(0));
  const asked: number[][] = [];
  const sink = new RelaySink({ store, clock, output: stream, onVideoLost: (ssrcs) => asked.push([...ssrcs]) });
  stream.onDrain = () => sink.drained();
  VIDEO.forEach((ssrc, encoding) => sink.addVideo(ssrc, encoding));
  const owed = [0, 0, 0];
  const sent = new Map<number, number>();
  const levels: number[] = [];
  function send(ssrc: number, bytes: number): void {
    const slot = store.allocate();
    const { batch } = sink;
    const byte = batch.count * SEND_RECORD_BYTES;
    batch.u32[byte / 4 + 1] = slot;
    batch.u32[byte / 4 + 2] = store.generations[slot];
    batch.u16[byte / 2 + 6] = 20;
    batch.u16[byte / 2 + 7] = bytes;
    batch.u8[byte + 20] = SendKind.RTP;
    batch.u16[byte / 2 + 11] = 12;
    batch.view.setUint32(byte + SEND_PREFIX_OFFSET + 8, ssrc);
    batch.count += 1;
    sent.set(ssrc, (sent.get(ssrc) ?? 0) + 1);
    sink.flush();
  }
  for (let ms = 0; ms < seconds * 1_000; ms += 5) {
    stream.bps = bpsAt(ms / 1_000);
    if (ms % 20 === 0) send(AUDIO, 80);
    VIDEO_BPS.forEach((bps, i) => {
      for (owed[i] += (bps * 5) / 8_000; owed[i] >= PACKET_BYTES; owed[i] -= PACKET_BYTES) send(VIDEO[i], PACKET_BYTES);
    });
    // An echo takes as long as what waits before it, and 50 ms each way.
    if (ms % 250 === 0) sink.noteRoundTrip(100 + stream.queuedMs);
    clock.advance(5);
    stream.pass(5);
    if (ms % 1_000 === 0) levels.push(sink.shedLevel);
  }
  const of = (ssrc: number, fromMs = 0): Arrived[] =>
    stream.arrived.filter((one) => one.ssrc === ssrc && one.atMs >= fromMs);
  return { of, sent, levels, asked };
}

describe("a relay on a stream that carries too little", () => {
  it("keeps audio and the lowest encoding at 0.6 Mb/s, and nothing becomes old", () => {
    const { of, sent, levels } = run(() => 600_000, 40);
    expect(of(AUDIO).length).toBeGreaterThan(sent.get(AUDIO)! * 0.98);
    expect(Math.max(...of(AUDIO, 3_000).map(({ ageMs }) => ageMs))).toBeLessThan(2_000);
    const ages = of(AUDIO, 5_000)
      .map(({ ageMs }) => ageMs)
      .toSorted((a, b) => a - b);
    expect(ages[Math.floor(ages.length * 0.9)]).toBeLessThan(400);
    expect(of(VIDEO[0]).length).toBeGreaterThan(sent.get(VIDEO[0])! * 0.8);
    expect(of(VIDEO[2], 8_000).length).toBeLessThan(sent.get(VIDEO[2])! * 0.1);
    expect(Math.min(...levels.slice(3))).toBeGreaterThanOrEqual(1);
  });

  it("leaves nothing out where there is room, and lets all through again when there is", () => {
    expect(run(() => 10_000_000, 10).levels.every((level) => level === 0)).toBe(true);
    const { levels, asked, of } = run((second) => (second < 10 ? 600_000 : 20_000_000), 60);
    expect(levels[9]).toBeGreaterThan(0);
    expect(levels.at(-1)).toBe(0);
    expect(asked.flat()).toContain(VIDEO[2]);
    expect(of(VIDEO[2], 55_000).length).toBeGreaterThan(500);
  });

  it("keeps audio alone where nothing else fits", () => {
    const { of, sent, levels } = run(() => 120_000, 30);
    expect(of(AUDIO).length).toBeGreaterThan(sent.get(AUDIO)! * 0.9);
    expect(Math.max(...levels)).toBe(3);
  });
});

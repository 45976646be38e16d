import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendKind } from "@cation/engine/send-batch";
import { RingPacketStore } from "@cation/media-io/ring-packet-store";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { PacketBatchReader } from "./packet-framing.ts";
import { FLUSH_INTERVAL_MS, RelaySink } from "./relay-sink.ts";

const VIDEO = 0x1111;
const AUDIO = 0x2222;

let clock: VirtualClock;
let store: RingPacketStore;
let written: Buffer[];
let flowing: boolean;
let lost: number[][];
let sink: RelaySink;

beforeEach(() => {
  clock = new VirtualClock();
  store = RingPacketStore.create(256);
  written = [];
  flowing = true;
  lost = [];
  sink = new RelaySink({
    store,
    clock,
    output: {
      write(packets) {
        written.push(packets);
        return flowing;
      },
    },
    onVideoLost: (ssrcs) => lost.push([...ssrcs]),
  });
  sink.addVideo(VIDEO, 0);
});

/** A record as the engine writes it: header in the prefix, payload in a slot. */
function add(ssrc: number, payload: Uint8Array, kind: number = SendKind.RTP): number {
  const slot = store.allocate();
  store.bytes.set(payload, slot * store.slotBytes + 20);
  const { batch } = sink;
  const byte = batch.count * SEND_RECORD_BYTES;
  batch.u32[byte / 4 + 1] = slot;
  batch.u32[byte / 4 + 2] = store.generations[slot];
  batch.u16[byte / 2 + 6] = 20;
  batch.u16[byte / 2 + 7] = payload.length;
  batch.u8[byte + 20] = kind;
  batch.u16[byte / 2 + 11] = 12;
  batch.u8.fill(0xaa, byte + SEND_PREFIX_OFFSET, byte + SEND_PREFIX_OFFSET + 12);
  batch.view.setUint32(byte + SEND_PREFIX_OFFSET + 8, ssrc);
  batch.count += 1;
  return slot;
}

function packets(): Buffer[] {
  const reader = new PacketBatchReader();
  return written.flatMap((batch) => {
    const found: Buffer[] = [];
    reader.reset(batch);
    while (reader.next()) found.push(batch.subarray(reader.offset, reader.offset + reader.length));
    return found;
  });
}

const ssrcs = () => packets().map((packet) => packet.readUInt32BE(8));

describe("RelaySink", () => {
  it("puts header and payload together and sends after a moment", () => {
    add(VIDEO, Uint8Array.of(1, 2, 3));
    sink.flush();
    expect(sink.batch.count).toBe(0);
    expect(written).toEqual([]);
    clock.advance(FLUSH_INTERVAL_MS);
    expect(packets()).toHaveLength(1);
    expect([...packets()[0].subarray(12)]).toEqual([1, 2, 3]);
    clock.advance(1_000);
    expect(written).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it("sends at once when there is enough for a message", () => {
    for (let i = 0; i < 40; i++) add(VIDEO, Uint8Array.of(i));
    sink.flush();
    expect(packets()).toHaveLength(32);
    clock.advance(FLUSH_INTERVAL_MS);
    expect(packets().map((packet) => packet[12])).toEqual([...Array(40).keys()]);
  });

  it("drops what was overwritten, and what fits nowhere", () => {
    const slot = add(VIDEO, Uint8Array.of(1));
    for (let i = 0; i < 256; i++) store.allocate();
    expect(store.generations[slot]).toBeGreaterThan(0);
    sink.flush();
    clock.advance(FLUSH_INTERVAL_MS);
    expect(written).toEqual([]);
    expect(sink.unsendableDrops).toBe(1);
  });

  it("drops video while the other side lags, not audio, and then asks for a keyframe", () => {
    flowing = false;
    add(VIDEO, Uint8Array.of(1));
    sink.flush();
    clock.advance(FLUSH_INTERVAL_MS);
    // A stream that is busy for a moment is written to still.
    clock.advance(200);
    for (let i = 0; i < 5; i++) add(VIDEO, Uint8Array.of(1));
    add(AUDIO, Uint8Array.of(1));
    add(VIDEO, Uint8Array.of(1), SendKind.RTCP);
    sink.flush();
    clock.advance(FLUSH_INTERVAL_MS);
    expect(ssrcs()).toEqual([VIDEO, AUDIO, VIDEO]);
    expect(sink.congestionDrops).toBe(5);
    expect(lost).toEqual([]);
    flowing = true;
    sink.drained();
    expect(lost).toEqual([[VIDEO]]);
    sink.drained();
    add(VIDEO, Uint8Array.of(1));
    sink.flush();
    clock.advance(FLUSH_INTERVAL_MS);
    expect(ssrcs()).toHaveLength(4);
    expect(lost).toHaveLength(1);
  });

  it("writes on while the other side is busy for a moment", () => {
    flowing = false;
    for (let i = 0; i < 10; i++) {
      add(VIDEO, Uint8Array.of(1));
      sink.flush();
      clock.advance(FLUSH_INTERVAL_MS);
    }
    expect(ssrcs()).toHaveLength(10);
    flowing = true;
    sink.drained();
    expect([lost.length, sink.congestionDrops, sink.shedLevel]).toEqual([0, 0, 0]);
  });

  it("does not let audio pile up without end either", () => {
    flowing = false;
    add(AUDIO, new Uint8Array(1_000));
    sink.flush();
    clock.advance(200);
    for (let i = 0; i < 2_000; i++) {
      add(AUDIO, new Uint8Array(1_000));
      sink.flush();
    }
    clock.advance(FLUSH_INTERVAL_MS);
    const bytes = written.reduce((sum, batch) => sum + batch.length, 0);
    expect(bytes).toBeLessThan(200_000);
    expect(sink.congestionDrops).toBeGreaterThan(1_000);
  });

  it("does nothing more once it is closed", () => {
    add(VIDEO, Uint8Array.of(1));
    sink.flush();
    sink.close();
    add(VIDEO, Uint8Array.of(1));
    sink.flush();
    clock.advance(100);
    expect(written).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

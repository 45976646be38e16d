import type { TransportHandle } from "@cation/engine/ids";
import { RECEIVE_RECORD_BYTES } from "@cation/engine/receive-batch";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { RingPacketStore } from "@cation/media-io/ring-packet-store";
import type { MonoUs } from "@cation/rtp/units";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketBatchWriter } from "./packet-framing.ts";
import { RelayIngress } from "./relay-ingress.ts";

const HANDLE = 0x1_0003 as TransportHandle;

function setUp() {
  const store = RingPacketStore.create(256);
  const seen: { handle: number; kind: number; atUs: number; bytes: number[] }[] = [];
  const receiver = {
    receive(batch: ReceiveBatch) {
      for (let i = 0; i < batch.count; i++) {
        const word = (i * RECEIVE_RECORD_BYTES) / 4;
        const slot = batch.u32[word + 1];
        expect(store.generations[slot]).toBe(batch.u32[word + 2]);
        const start = slot * store.slotBytes + batch.u16[2 * word + 6];
        const bytes = [...store.bytes.subarray(start, start + batch.u16[2 * word + 7])];
        seen.push({ handle: batch.u32[word], kind: batch.u8[4 * word + 16], atUs: batch.f64[word / 2 + 3], bytes });
      }
    },
  };
  const ingress = new RelayIngress({ transport: HANDLE, store, receiver, nowUs: () => 77 as MonoUs });
  return { store, seen, ingress };
}

function frame(...packets: Uint8Array[]): Buffer {
  const writer = new PacketBatchWriter();
  for (const packet of packets) writer.append(packet, 0, 0, packet, 0, packet.length);
  return writer.take();
}

describe("RelayIngress", () => {
  it("puts packets into slots and tells RTP from RTCP", () => {
    const { seen, ingress } = setUp();
    const rtp = Uint8Array.of(0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9);
    const rtcp = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1);
    ingress.receive(frame(rtp, rtcp));
    expect(seen).toEqual([
      { handle: HANDLE, kind: 0, atUs: 77, bytes: [...rtp] },
      { handle: HANDLE, kind: 1, atUs: 77, bytes: [...rtcp] },
    ]);
  });

  it("takes batches larger than its own", () => {
    const { seen, ingress } = setUp();
    const packets = Array.from({ length: 200 }, (_, i) => Uint8Array.from({ length: 13 }, () => i));
    ingress.receive(frame(...packets));
    expect(seen.map(({ bytes }) => bytes[0])).toEqual(packets.map((packet) => packet[0]));
  });

  it("counts what is too short, too long or behind a length that lies, and takes the rest", () => {
    const { seen, store, ingress } = setUp();
    const good = new Uint8Array(20);
    ingress.receive(frame(new Uint8Array(3), good, new Uint8Array(store.slotBytes + 1), good));
    expect(seen).toHaveLength(2);
    expect(ingress.malformedDrops).toBe(2);
    ingress.receive(Buffer.concat([frame(good), Buffer.of(0xff, 0xff, 1)]));
    expect(seen).toHaveLength(3);
    expect(ingress.malformedDrops).toBe(3);
  });

  it("survives random bytes", () => {
    const { ingress } = setUp();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => ingress.receive(bytes)));
  });
});

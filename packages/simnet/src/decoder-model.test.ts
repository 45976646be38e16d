import { describe, expect, test } from "vitest";
import { DecoderModel } from "./decoder-model.ts";
import type { HeldPacket } from "./loss-recovery.ts";
import { SeededRandom } from "./seeded-random.ts";
import { VideoSource } from "./video-source.ts";

const SHAPE = { packetsPerKeyframe: 3, packetsPerFrame: 2, packetBytes: 100, temporalLayers: 3 };

/** A sound stream: 12 frames, the first a keyframe. */
function stream(): HeldPacket[] {
  const source = new VideoSource(0, SHAPE, new SeededRandom(9));
  const packets: HeldPacket[] = [];
  for (let frame = 0; frame < 12; frame++) {
    for (const { payload, marker } of source.next(frame * 33_333)) {
      packets.push({ extSeq: packets.length, timestamp: frame * 3000, marker, payload: payload.slice() });
    }
  }
  return packets;
}

function decode(packets: readonly HeldPacket[]): DecoderModel {
  const decoder = new DecoderModel();
  for (const packet of packets) decoder.push(packet);
  return decoder;
}

describe("DecoderModel: the reference must see what is wrong", () => {
  test("a sound stream decodes without complaint", () => {
    const decoder = decode(stream());
    expect(decoder).toMatchObject({ decoded: 12, keyframes: 1, undecodable: 0, truncated: 0, violations: [] });
  });

  test("a missing packet breaks its frame and those that refer to it, and excuses the gap", () => {
    const packets = stream();
    const withoutBase = packets.filter(({ extSeq }) => extSeq !== 9);
    const decoder = decode(withoutBase);
    expect(decoder.violations).toEqual([]);
    expect(decoder.undecodable).toBeGreaterThan(0);
  });

  test("a packet that vanishes without a gap in numbers is seen", () => {
    const packets = stream().filter(({ extSeq }) => extSeq !== 4);
    const renumbered = packets.map((packet, extSeq) => ({ ...packet, extSeq }));
    expect(decode(renumbered).violations).not.toEqual([]);
  });

  test("a frame that vanishes without a gap is seen by its picture id, and by its references", () => {
    const packets = stream().filter(({ timestamp }) => timestamp !== 4 * 3000);
    const decoder = decode(packets.map((packet, extSeq) => ({ ...packet, extSeq })));
    expect(decoder.violations.join()).toContain("picture id +2");
    expect(decoder.undecodable).toBeGreaterThan(0);
  });

  test("timestamps that go back, markers that are missing, TL0PICIDX that steps: all seen", () => {
    const back = stream().map((packet) =>
      packet.extSeq >= 9 ? { ...packet, timestamp: packet.timestamp - 90_000 } : packet,
    );
    expect(decode(back).violations.join()).toContain("timestamp goes back");
    const unmarked = stream().map((packet) => ({ ...packet, marker: false }));
    expect(decode(unmarked).violations.join()).toContain("no marker");
    const stepped = stream();
    for (const packet of stepped.slice(9)) packet.payload[4] += 3;
    expect(decode(stepped).violations.join()).toContain("TL0PICIDX");
  });

  test("damaged payloads are seen", () => {
    const packets = stream();
    packets[5].payload[16] = 0;
    expect(decode(packets).violations.join()).toContain("damaged");
  });

  test("padding is no frame", () => {
    const packets = stream();
    const padding = { extSeq: packets.length, timestamp: 99_000, marker: false, payload: new Uint8Array(0) };
    expect(decode([...packets, padding]).violations).toEqual([]);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TcpFrameReader } from "./tcp-framing.ts";

const MAX_FRAME_BYTES = 64;

describe("TcpFrameReader", () => {
  it("finds the frames, however the stream was cut", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: MAX_FRAME_BYTES }));
    const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 90 }));
    fc.assert(
      fc.property(frames, cuts, (sent, sizes) => {
        const reader = new TcpFrameReader(MAX_FRAME_BYTES);
        const received: Uint8Array[] = [];
        const stream = Buffer.concat(sent.flatMap((frame) => [lengthField(frame.length), frame]));
        for (let position = 0; position < stream.length;) {
          const chunk = stream.subarray(position, position + (sizes.next().value as number));
          position += chunk.length;
          expect(reader.push(chunk, (frame) => received.push(new Uint8Array(frame)) > 0)).toBe(true);
        }
        expect(received).toEqual(sent.filter((frame) => frame.length > 0));
      }),
    );
  });

  it("refuses a length beyond the limit, also when it comes in two pieces", () => {
    const whole = new TcpFrameReader(MAX_FRAME_BYTES);
    expect(whole.push(lengthField(MAX_FRAME_BYTES + 1), () => true)).toBe(false);
    const halves = new TcpFrameReader(MAX_FRAME_BYTES);
    expect(halves.push(Uint8Array.of(0xff), () => true)).toBe(true);
    expect(halves.push(Uint8Array.of(0xff, 0), () => true)).toBe(false);
  });

  it("never throws on random bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const reader = new TcpFrameReader(MAX_FRAME_BYTES);
        for (const chunk of chunks) {
          const followed = reader.push(chunk, (frame) => frame.length <= MAX_FRAME_BYTES);
          if (!followed) return;
        }
      }),
    );
  });
});

function lengthField(length: number): Uint8Array {
  return Uint8Array.of(length >>> 8, length & 0xff);
}

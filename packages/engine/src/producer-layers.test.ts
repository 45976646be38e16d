import { describe, expect, test } from "vitest";
import { loadFixture } from "@cation/rtp/fixtures/fixture";
import { HEADER_EXTENSION_URIS, NO_HEADER_EXTENSIONS } from "./header-extensions.ts";
import type { HeaderExtensionIds } from "./header-extensions.ts";
import type { TrackId } from "./ids.ts";
import type { LayerInfo } from "./layer-info.ts";
import { vp8 } from "./testing/codecs.ts";
import { EngineFixture } from "./testing/engine-fixture.ts";

/** What the engine says of the layers of a capture, played within a tenth of a second. */
function layersOf(name: string): readonly LayerInfo[] {
  const { info, records } = loadFixture(name);
  const fixture = new EngineFixture();
  const transport = fixture.openTransport(1);
  const descriptor = info.extensions[HEADER_EXTENSION_URIS.dependencyDescriptor] ?? 0;
  const extensions: HeaderExtensionIds = { ...NO_HEADER_EXTENSIONS, dependencyDescriptor: descriptor };
  const ssrcs = [...new Set(info.frames.map(({ ssrc }) => ssrc ?? 0))];
  const producer = fixture.engine.addProducer({
    trackId: "t" as TrackId,
    kind: "video",
    origin: "local",
    transport,
    mid: "v",
    codecs: [{ ...vp8(info.payloadType, 0), mimeType: info.codec }],
    extensions,
    encodings: ssrcs.map((ssrc) => ({ rid: "", ssrc, rtxSsrc: 0 })),
  });
  for (const { kind, bytes } of records) if (kind === "rtp") fixture.receive(transport, bytes);
  return producer.layers(fixture.nowUs);
}

/** Bytes of the frames that a receiver of these layers needs, by what the encoder told. */
function neededBytes(name: string, spatialId: number, temporalId: number): number {
  const frames = loadFixture(name).info.frames.filter((frame) => (frame.temporalId ?? 0) <= temporalId);
  const wanted = frames.filter((frame) => frame.spatialId === spatialId);
  const needed = new Set(wanted);
  // A set may grow while it is walked: what is needed by what is needed.
  for (const frame of needed) {
    for (const other of frames) if (frame.dependencies?.includes(other.frameId ?? -1) === true) needed.add(other);
  }
  return [...needed].reduce((sum, { bytes }) => sum + bytes, 0);
}

describe("producer.layers", () => {
  test.each([
    ["chromium-vp9-l3t3-key", 3, 3, [320, 640, 1280]],
    ["chromium-av1-l2t2-key", 2, 2, [320, 640]],
  ])("%s: %i spatial layers with %i temporal ones inside one stream", (name, spatial, temporal, widths) => {
    const layers = layersOf(name);
    expect(layers.map(({ spatialId, temporalId }) => [spatialId, temporalId])).toEqual(
      Array.from({ length: spatial * temporal }, (_, i) => [Math.floor(i / temporal), i % temporal]),
    );
    expect(layers.filter(({ temporalId }) => temporalId === 0).map(({ width }) => width)).toEqual(widths);
    for (const { spatialId, temporalId, bitrateBps, active } of layers) {
      expect(active).toBe(true);
      // Played within the first bucket of 100 ms.
      const bytes = bitrateBps / 80;
      const needed = neededBytes(name, spatialId, temporalId);
      expect(bytes).toBeGreaterThan(needed * 0.9);
      expect(bytes).toBeLessThan(needed * 1.3 + 8000);
    }
  });

  test("chromium-vp8-simulcast: each encoding is a spatial layer with the size that its keyframe says", () => {
    const layers = layersOf("chromium-vp8-simulcast-start");
    expect(new Set(layers.map(({ spatialId }) => spatialId)).size).toBeGreaterThan(1);
    expect(layers.every(({ bitrateBps }) => bitrateBps > 0)).toBe(true);
    expect(layers.some(({ width, height }) => width > 0 && height > 0)).toBe(true);
  });
});

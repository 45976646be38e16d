import type { Consumer } from "@cation/engine/consumer";
import { describe, expect, it } from "vitest";
import { forwardLoudest } from "./link-audio.ts";

function outgoing(trackId: string, kind: "audio" | "video", origin: "local" | "relay") {
  return { trackId, consumer: { producer: { params: { trackId, kind, origin } } } as unknown as Consumer };
}

describe("what goes over links", () => {
  it("is the loudest of this node's own voices, everything else untouched", () => {
    const tracks = [
      outgoing("loud", "audio", "local"),
      outgoing("quiet", "audio", "local"),
      outgoing("passing", "audio", "relay"),
      outgoing("camera", "video", "local"),
      { trackId: "awaited", consumer: undefined },
    ];
    const links = [
      { roomId: "room", outgoing: tracks },
      { roomId: "other", outgoing: [outgoing("stranger", "audio", "local")] },
    ];
    const paused = new Map<string, boolean>();
    forwardLoudest(links, "room", new Set(["loud"]), (consumer, value) =>
      paused.set(consumer.producer.params.trackId, value),
    );
    expect([...paused]).toEqual([
      ["loud", false],
      ["quiet", true],
    ]);
  });
});

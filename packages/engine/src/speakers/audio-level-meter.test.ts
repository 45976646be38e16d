import { describe, expect, test } from "vitest";
import type { TrackId } from "../ids.ts";
import { opus, PUBLISHER_EXTENSIONS } from "../testing/codecs.ts";
import { EngineFixture } from "../testing/engine-fixture.ts";
import { buildRtp } from "../testing/rtp-builder.ts";

/** A microphone whose packets carry levels under that extension id (above 14: in the two-byte form). */
class Microphone {
  readonly fixture = new EngineFixture();
  readonly #transport = this.fixture.openTransport(1);
  readonly #id: number;
  readonly producer;
  #number = 0;

  constructor(audioLevel: number) {
    this.#id = audioLevel;
    this.producer = this.fixture.engine.addProducer({
      trackId: "audio" as TrackId,
      kind: "audio",
      origin: "local",
      transport: this.#transport,
      mid: "0",
      codecs: [opus(111)],
      extensions: { ...PUBLISHER_EXTENSIONS, audioLevel },
      encodings: [{ rid: "", ssrc: 7, rtxSsrc: 0 }],
    });
  }

  send(level: number, packets: number, bytes = 60): number {
    for (let i = 0; i < packets; i++) {
      const n = this.#number++;
      const extensions = this.#id === 0 ? {} : { [this.#id]: Uint8Array.of(0x80 | level) };
      const draft = { payloadType: 111, sequenceNumber: n, timestamp: n * 960, ssrc: 7, extensions };
      this.fixture.receive(this.#transport, buildRtp({ ...draft, payload: new Uint8Array(bytes) }));
      this.fixture.advance(20_000);
    }
    return this.producer.loudness(this.fixture.nowUs);
  }
}

describe("an audio level meter", () => {
  test.each([1, 20])("follows the levels in the packets, extension id %i", (id) => {
    const microphone = new Microphone(id);
    expect(microphone.producer.loudness(microphone.fixture.nowUs)).toBe(0);
    expect(microphone.send(30, 10)).toBeGreaterThan(90);
    expect(microphone.send(127, 3)).toBeGreaterThan(50);
    expect(microphone.send(127, 30)).toBeLessThan(10);
  });

  test("takes the lack of packets for silence", () => {
    const microphone = new Microphone(1);
    microphone.send(20, 10);
    microphone.fixture.advance(600_000);
    expect(microphone.producer.loudness(microphone.fixture.nowUs)).toBe(0);
  });

  test("goes by the size of packets where there are no levels", () => {
    expect(new Microphone(0).send(0, 20)).toBeGreaterThan(70);
    expect(new Microphone(0).send(0, 20, 3)).toBe(0);
  });
});

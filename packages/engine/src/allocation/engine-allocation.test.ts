import { describe, expect, test } from "vitest";
import type { MonoUs } from "@cation/rtp/units";
import type { Consumer } from "../consumer.ts";
import type { LayerDemand } from "../demand/demand-watcher.ts";
import type { TrackId } from "../ids.ts";
import type { Producer } from "../producer.ts";
import { opus, PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "../testing/codecs.ts";
import { EngineFixture } from "../testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "../testing/rtp-builder.ts";
import { AllocationReason } from "./allocation-reason.ts";

const SSRCS = [100, 200, 300];
const BYTES = [100, 400, 1100];

/** A publisher with three encodings and microphone, and viewers. */
class Call {
  readonly fixture: EngineFixture;
  readonly video: Producer;
  readonly audio: Producer;
  readonly demands: LayerDemand[] = [];
  readonly allocated: Consumer[] = [];
  readonly active = [true, true, true];
  #number = 0;
  #ssrc = 1000;

  constructor() {
    this.fixture = new EngineFixture({ allocateByEstimate: false }, 4096, 64, {
      onDemand: (_producer, demand) => this.demands.push(demand),
      onAllocation: (consumer) => this.allocated.push(consumer),
    });
    const transport = this.fixture.openTransport(1);
    const common = { origin: "local", transport, extensions: PUBLISHER_EXTENSIONS } as const;
    this.video = this.fixture.engine.addProducer({
      ...common,
      trackId: "video" as TrackId,
      kind: "video",
      mid: "0",
      codecs: [vp8(96, 97)],
      encodings: SSRCS.map((ssrc, i) => ({ rid: "qhf"[i], ssrc, rtxSsrc: 0 })),
    });
    this.audio = this.fixture.engine.addProducer({
      ...common,
      trackId: "audio" as TrackId,
      kind: "audio",
      mid: "1",
      codecs: [opus(111)],
      encodings: [{ rid: "", ssrc: 400, rtxSsrc: 0 }],
    });
  }

  watch(handle: number, producer = this.video): Consumer {
    const { fixture } = this;
    const transport = fixture.engine.hasTransport(handle as never) ? (handle as never) : fixture.openTransport(handle);
    this.#ssrc += 2;
    return fixture.engine.addConsumer(
      producer,
      {
        transport,
        codecs: producer === this.audio ? [opus(109)] : [vp8(120, 121)],
        extensions: VIEWER_EXTENSIONS,
        mid: "0",
        mode: "single",
        streams: [{ ssrc: this.#ssrc, rtxSsrc: producer === this.audio ? 0 : this.#ssrc + 1 }],
      },
      fixture.nowUs as MonoUs,
    );
  }

  /** Lets time pass with 25 frames a second: about 20, 80 and 220 kb/s, and audio of 16 kb/s. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 40) {
      const n = this.#number++;
      const transport = this.video.transport.handle;
      SSRCS.forEach((ssrc, i) => {
        if (!this.active[i]) return;
        const payload = buildVp8({
          pictureId: n & 0x7fff,
          tl0PictureIndex: n & 0xff,
          temporalId: 0,
          startOfFrame: true,
          keyframe: n % 10 === 0,
          bytes: BYTES[i],
        });
        const draft = { payloadType: 96, sequenceNumber: n, timestamp: n * 3600, ssrc, marker: true, payload };
        this.fixture.receive(transport, buildRtp(draft));
      });
      const sound = {
        payloadType: 111,
        sequenceNumber: n,
        timestamp: n * 1920,
        ssrc: 400,
        payload: new Uint8Array(80),
      };
      this.fixture.receive(transport, buildRtp(sound));
      this.fixture.advance(40_000);
    }
  }

  setTarget(handle: number, targetBps: number): void {
    this.fixture.engine.setTargetBitrate(handle as never, targetBps, this.fixture.nowUs as MonoUs);
  }
}

const encodingOf = (consumer: Consumer): number => consumer.stats()[0].encoding;

describe("an engine with estimates", () => {
  test("forwards what fits, pauses what does not, and says so", () => {
    const call = new Call();
    const weak = call.watch(2);
    const sound = call.watch(2, call.audio);
    const strong = call.watch(3);
    call.run(2_000);
    expect([encodingOf(weak), encodingOf(strong)]).toEqual([2, 2]);
    const { switches } = strong.stats()[0];
    const told = call.allocated.filter((consumer) => consumer === strong).length;
    call.setTarget(2, 150_000);
    call.run(2_000);
    expect([encodingOf(weak), encodingOf(strong)]).toEqual([1, 2]);
    expect(weak.allocation?.reason).toBe(AllocationReason.BANDWIDTH);
    call.setTarget(2, 20_000);
    call.run(400);
    expect(encodingOf(weak)).toBe(-1);
    expect(call.allocated.at(-1)).toBe(weak);
    const heard = sound.stats()[0].packets;
    call.run(1_000);
    // Audio is never rationed.
    expect(sound.stats()[0].packets).toBe(heard + 25);
    const { demandBps, allocatedBps } = weak.transport.allocator;
    expect(demandBps).toBeGreaterThan(200_000);
    expect(allocatedBps).toBeLessThan(30_000);
    call.setTarget(2, 2_000_000);
    call.run(8_000);
    expect(encodingOf(weak)).toBe(2);
    expect(weak.allocation?.reason).toBe(AllocationReason.AS_WISHED);
    expect(call.allocated.filter((consumer) => consumer === strong)).toHaveLength(told);
    expect(strong.stats()[0].switches).toBe(switches);
  });

  test("keeps the wish as the upper bound, the last one counting", () => {
    const call = new Call();
    const viewer = call.watch(2);
    call.setTarget(2, 10_000_000);
    call.run(1_000);
    for (const maxSpatialId of [0, 2, 1]) viewer.setPreferredLayers({ maxSpatialId }, call.fixture.nowUs as MonoUs);
    call.run(1_000);
    expect(encodingOf(viewer)).toBe(1);
    expect(viewer.allocation?.reason).toBe(AllocationReason.AS_WISHED);
  });
});

describe("demand", () => {
  test("is the most that anybody wants: more at once, less after a while", () => {
    const call = new Call();
    call.run(1_000);
    expect(call.demands).toEqual([]);
    call.run(3_000);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: -1, maxTemporalId: -1 }]);
    const small = call.watch(2);
    small.setPreferredLayers({ maxSpatialId: 0, maxTemporalId: 1 }, call.fixture.nowUs as MonoUs);
    call.run(40);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: 0, maxTemporalId: 1 }]);
    const large = call.watch(3);
    call.run(40);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: 2, maxTemporalId: 3 }]);
    call.fixture.engine.closeConsumer(large, call.fixture.nowUs as MonoUs);
    call.run(2_000);
    expect(call.demands).toEqual([]);
    call.run(1_500);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: 0, maxTemporalId: 1 }]);
    small.setPaused(true, call.fixture.nowUs as MonoUs);
    call.run(1_000);
    small.setPaused(false, call.fixture.nowUs as MonoUs);
    call.run(6_000);
    expect(call.demands).toEqual([]);
  });

  test("does not fall because one viewer's network is weak", () => {
    const call = new Call();
    const viewer = call.watch(2);
    call.run(1_000);
    call.setTarget(2, 60_000);
    call.run(6_000);
    expect(encodingOf(viewer)).toBe(0);
    expect(call.demands).toEqual([]);
  });

  test("is not asked for audio", () => {
    const call = new Call();
    call.watch(2, call.audio);
    call.watch(2);
    call.run(5_000);
    expect(call.demands).toEqual([]);
  });

  test("of a relay is what its other end wants: undemanded encodings are not forwarded", () => {
    const call = new Call();
    const link = call.fixture.openTransport(9);
    const relay = call.fixture.engine.addConsumer(
      call.video,
      {
        transport: link,
        codecs: [vp8(96, 0)],
        extensions: PUBLISHER_EXTENSIONS,
        mid: "",
        mode: "all",
        streams: SSRCS.map((ssrc) => ({ ssrc: ssrc + 7000, rtxSsrc: 0 })),
      },
      call.fixture.nowUs as MonoUs,
    );
    call.run(1_000);
    expect(relay.stats().map(({ encoding }) => encoding)).toEqual([0, 1, 2]);
    relay.setPreferredLayers({ maxSpatialId: 0 }, call.fixture.nowUs as MonoUs);
    call.run(4_000);
    expect(relay.stats().map(({ encoding }) => encoding)).toEqual([0, -1, -1]);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: 0, maxTemporalId: 3 }]);
    relay.setPreferredLayers({ maxSpatialId: -1 }, call.fixture.nowUs as MonoUs);
    call.run(4_000);
    expect(relay.stats().map(({ encoding }) => encoding)).toEqual([-1, -1, -1]);
    expect(call.demands.splice(0)).toEqual([{ maxSpatialId: -1, maxTemporalId: -1 }]);
    relay.setPreferredLayers({}, call.fixture.nowUs as MonoUs);
    // From the next keyframe on.
    call.run(400);
    expect(relay.stats().map(({ encoding }) => encoding)).toEqual([0, 1, 2]);
    expect(call.demands).toEqual([{ maxSpatialId: 2, maxTemporalId: 3 }]);
  });
});

/**
 * Guards the forwarding path: nanoseconds and bytes allocated for each forwarded packet, with 500 consumers of one video.
 * Run: node --expose-gc packages/engine/bench-alloc.ts [consumers] [packets]
 */
import type { MonoUs } from "@cation/rtp/units";
import type { TrackId } from "./src/ids.ts";
import { COMPLETION_RECORD_BYTES, CompletionBatch } from "./src/completion-batch.ts";
import { Engine } from "./src/engine.ts";
import { MemoryStore } from "./src/memory-store.ts";
import { RECEIVE_RECORD_BYTES, ReceiveBatch } from "./src/receive-batch.ts";
import { SEND_RECORD_BYTES, SendBatch, SendOutcome } from "./src/send-batch.ts";
import { PUBLISHER_EXTENSIONS, VIEWER_EXTENSIONS, vp8 } from "./src/testing/codecs.ts";
import { CountingRandom } from "./src/testing/engine-fixture.ts";
import { buildRtp, buildVp8 } from "./src/testing/rtp-builder.ts";

const consumers = Number(process.argv[2] ?? 500);
const packets = Number(process.argv[3] ?? 20_000);
const PACKETS_PER_BATCH = 1;
const PACKET_INTERVAL_US = 3_800;

const store = new MemoryStore(16_384);
let records = 0;
const completions = new CompletionBatch(4096);
/** Sends at once, and lets completions wait for the end of the turn, as backends do. */
const sink = {
  batch: new SendBatch(256),
  flush(): void {
    const { count, u32, u16 } = this.batch;
    records += count;
    if (completions.count + count > completions.capacity) complete();
    for (let i = 0; i < count; i++) {
      const sent = (i * SEND_RECORD_BYTES) / 4;
      const done = (completions.count++ * COMPLETION_RECORD_BYTES) / 4;
      completions.u32[done] = u32[sent];
      completions.u32[done + 1] = u32[sent + 6];
      completions.u8[4 * done + 8] = SendOutcome.SENT;
      completions.u32[done + 3] = u16[2 * sent + 11] + u16[2 * sent + 7];
      completions.f64[(done >> 1) + 2] = nowUs;
    }
    this.batch.count = 0;
  },
};
/** Batches are handed over in no time here: nothing shall wait for its turn. */
const bandwidth = { startBps: 1_000_000_000, minBps: 30_000, maxBps: 1_000_000_000 };
const engine = new Engine({
  store,
  random: new CountingRandom(1),
  handler: { onProducerStream() {} },
  config: { bandwidth },
});
const batch = new ReceiveBatch(PACKETS_PER_BATCH);
let sequenceNumber = 0;
let nowUs = 1_000_000;

function complete(): void {
  engine.onCompletions(completions);
  completions.count = 0;
}

function open(handle: number): never {
  engine.openTransport(handle as never, sink, { extensions: PUBLISHER_EXTENSIONS, cname: "bench" });
  return handle as never;
}

function setUp(): void {
  const producer = engine.addProducer({
    trackId: "bench" as TrackId,
    kind: "video",
    origin: "local",
    transport: open(1),
    mid: "0",
    codecs: [vp8(96, 97)],
    extensions: PUBLISHER_EXTENSIONS,
    encodings: [{ rid: "", ssrc: 0xf000_0001, rtxSsrc: 0 }],
  });
  for (let i = 0; i < consumers; i++) {
    engine.addConsumer(producer, {
      transport: open(0x9000_0002 + i),
      codecs: [vp8(120, 121)],
      extensions: VIEWER_EXTENSIONS,
      mid: "0",
      mode: "single",
      streams: [{ ssrc: 0xe000_0000 + i, rtxSsrc: 0xd000_0000 + i }],
    });
  }
}

const templates = [true, false].map((keyframe) =>
  buildRtp({
    payloadType: 96,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 0xf000_0001,
    extensions: { 2: new Uint8Array(3), 3: new Uint8Array(2), 4: Uint8Array.of(48), 13: Uint8Array.of(0) },
    payload: buildVp8({
      pictureId: 1,
      tl0PictureIndex: 1,
      temporalId: 0,
      startOfFrame: true,
      keyframe,
      bytes: 1150,
    }),
  }),
);

function fill(): void {
  batch.count = 0;
  for (let i = 0; i < PACKETS_PER_BATCH; i++) {
    const slot = store.allocate();
    const template = templates[sequenceNumber % 3000 === 0 ? 0 : 1];
    const offset = slot * store.slotBytes;
    store.bytes.set(template, offset);
    store.view.setUint16(offset + 2, sequenceNumber & 0xffff);
    store.view.setUint32(offset + 4, sequenceNumber * 300);
    const start = i * RECEIVE_RECORD_BYTES;
    batch.u32[start / 4] = 1;
    batch.u32[start / 4 + 1] = slot;
    batch.u32[start / 4 + 2] = store.generations[slot];
    batch.u16[start / 2 + 7] = template.length;
    batch.f64[start / 8 + 3] = nowUs;
    batch.count++;
    sequenceNumber++;
    nowUs += PACKET_INTERVAL_US;
  }
}

/** CPU time of this thread: what others on the machine do does not count. Coarse, so measured over whole runs. */
function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Heap and array buffers after a collection. */
function memoryBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** CPU time of `count` packets, with the engine or without. */
function timeUs(count: number, withEngine: boolean): number {
  const startUs = cpuUs();
  for (let done = 0; done < count; done += PACKETS_PER_BATCH) {
    fill();
    if (!withEngine) continue;
    engine.receive(batch, nowUs as MonoUs);
    complete();
    if (nowUs >= engine.nextPollUs()) engine.poll(nowUs as MonoUs);
  }
  return cpuUs() - startUs;
}

/** Heap bytes that calls leave behind; a collection under way makes a measurement negative, which is left out. */
function allocatedBytes(count: number, call: () => void): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const before = process.memoryUsage().heapUsed;
    call();
    const delta = process.memoryUsage().heapUsed - before;
    if (delta > 0) bytes += delta;
  }
  return bytes;
}

const memoryBefore = memoryBytes();
setUp();
const bytesPerConsumer = Math.round((memoryBytes() - memoryBefore) / consumers);
timeUs(4_800, true);

const before = engine.stats().forwardedPackets;
const engineUs = timeUs(packets, true);
const forwarded = engine.stats().forwardedPackets - before;
const fillUs = timeUs(packets, false);
// The engine takes what it did not see for a restart, and needs a keyframe.
timeUs(4_800, true);

const batches = Math.ceil(packets / PACKETS_PER_BATCH);
const measuring = allocatedBytes(batches, () => {});
const allocated = allocatedBytes(batches, () => {
  fill();
  engine.receive(batch, nowUs as MonoUs);
  complete();
});
const allocatedByEngine = Math.max(0, allocated - measuring);
console.log(
  JSON.stringify({
    name: "engine-alloc",
    consumers,
    forwarded,
    records,
    nsPerForwardedPacket: Math.round(((engineUs - fillUs) * 10_000) / forwarded) / 10,
    allocatedBytesPerForwardedPacket: Math.round((allocatedByEngine * 1000) / forwarded) / 1000,
    allocatedBytesPerReceivedPacket: Math.round((allocatedByEngine * 10) / packets) / 10,
    bytesPerTransportAndConsumer: bytesPerConsumer,
  }),
);

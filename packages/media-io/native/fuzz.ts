/**
 * Fuzzes what reads bytes from the network or from the engine: `node fuzz.ts [--inputs 200000] [--seed 1] [--addon path]`.
 * The native backend and the TypeScript one get the same packets and must say the same of each; records of random bytes
 * must neither crash nor go uncompleted. Run it over the sanitized addon by sanitize.ts.
 */
import { parseArgs } from "node:util";
import { SEND_RECORD_BYTES, SendBatch } from "@cation/engine/send-batch";
import { RECEIVE_DROP_REASONS, SrtpProfile, type SrtpKeys } from "../src/media-io.ts";
import { loadNativeAddon, type NativeAddon } from "../src/native-addon.ts";
import { openNativeMediaIo, type NativeMediaIo } from "../src/native-media-io.ts";
import { NativeSocket } from "../src/native-socket.ts";
import { RingPacketStore } from "../src/ring-packet-store.ts";
import { SRTP_MAX_OVERHEAD_BYTES } from "../src/srtp-cipher.ts";
import { SrtpContext } from "../src/srtp-context.ts";
import { profileLengths } from "../src/srtp-key-derivation.ts";
import { TcpFrameReader } from "../src/tcp-framing.ts";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "200000" },
    seed: { type: "string" },
    addon: { type: "string" },
  },
});
const inputs = Number(values.inputs);
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);

/** Small, seeded, and good enough to find crashes (mulberry32). */
class Random {
  #state: number;

  constructor(start: number) {
    this.#state = start >>> 0;
  }

  /** 0 … below - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

/** The same keys both ways, so that a context opens what it has sealed. */
function loopKeys(profile: SrtpProfile): SrtpKeys {
  const { keyBytes, saltBytes } = profileLengths(profile);
  const key = new Uint8Array(keyBytes).fill(7);
  const salt = new Uint8Array(saltBytes).fill(9);
  return { profile, localKey: key, localSalt: salt, remoteKey: key, remoteSalt: salt };
}

/** A protected packet of a few streams, near an index that moves on and wraps; often damaged, sometimes noise. */
function makePacket(random: Random, maker: SrtpContext, step: number): Uint8Array {
  const noise = random.below(10);
  if (noise === 0) return random.bytes(random.below(120));
  const isRtcp = random.below(4) === 0;
  const index = Math.max(0, step * 40 + random.below(3000) - 2000);
  const length = 40 + random.below(200);
  const packet = new Uint8Array(length + SRTP_MAX_OVERHEAD_BYTES);
  const view = new DataView(packet.buffer);
  packet[0] = 0x80;
  packet[1] = isRtcp ? 200 : 96;
  if (isRtcp) {
    view.setUint32(4, random.below(4));
  } else {
    view.setUint16(2, index & 0xffff);
    view.setUint32(8, random.below(4));
  }
  const protectedBytes = isRtcp
    ? maker.protectRtcp(packet, length, index)
    : maker.protectRtp(packet, length, 12, index >>> 16);
  const whole = packet.subarray(0, protectedBytes);
  if (noise < 4) whole[random.below(whole.length)] ^= 1 << random.below(8);
  if (noise === 4) return whole.subarray(0, random.below(whole.length));
  return whole;
}

/** Both backends open the same packets; returns how many were opened. */
function fuzzOpening(addon: NativeAddon, random: Random, profile: SrtpProfile): number {
  const keys = loopKeys(profile);
  const maker = new SrtpContext(keys);
  const typescript = new SrtpContext(keys);
  const options = { host: "127.0.0.1", port: 0, tcp: false };
  const socket = new NativeSocket(addon, RingPacketStore.create(16), options);
  const handle = 65_536;
  socket.native.openTransport(handle);
  const { localKey, localSalt, remoteKey, remoteSalt } = keys;
  socket.native.setKeys(handle, profile, localKey, localSalt, remoteKey, remoteSalt);
  let opened = 0;
  for (let step = 0; step < inputs; step++) {
    const packet = makePacket(random, maker, step);
    const isRtcp = packet.length > 1 && packet[1] >= 192 && packet[1] <= 223;
    const [ours, theirs] = [packet.slice(), packet.slice()];
    const expected = isRtcp ? typescript.unprotectRtcp(ours) : typescript.unprotectRtp(ours);
    const result = socket.native.unprotect(handle, theirs, isRtcp ? 1 : 0);
    const got = result < 0 ? RECEIVE_DROP_REASONS[-1 - result] : result;
    const sameBytes =
      typeof expected === "string" || Buffer.compare(ours.subarray(0, expected), theirs.subarray(0, expected)) === 0;
    if (got !== expected || !sameBytes) {
      const hex = Buffer.from(packet).toString("hex");
      throw new Error(`seed ${seed}, step ${step}: native ${got}, TypeScript ${expected}: ${hex}`);
    }
    if (result >= 0) opened++;
  }
  void socket.close();
  return opened;
}

/** Records of random bytes, some of them nearly right, must each be completed. */
async function fuzzRecords(addon: NativeAddon, random: Random, threads: number): Promise<number> {
  const io = await openNativeMediaIo(addon, {
    host: "127.0.0.1",
    port: 0,
    tcp: false,
    slotCount: 64,
    senderThreads: threads,
  });
  let completed = 0;
  io.start({
    onReceive: () => {},
    onDatagram: () => {},
    onRemoteClosed: () => {},
    onCompletions: (batch) => void (completed += batch.count),
  });
  const transports = Object.values(SrtpProfile).map((profile) => openTo(io, profile));
  const batch = new SendBatch(64);
  let sent = 0;
  while (sent < inputs / 4) {
    batch.u8.set(random.bytes(batch.u8.length));
    for (let i = 0; i < batch.capacity; i++) nearlyRight(batch, i, random, transports, io);
    batch.count = batch.capacity;
    io.send(batch);
    sent += batch.count;
    if (random.below(50) === 0) {
      const closed = random.below(transports.length);
      io.closeTransport(transports[closed]);
      transports[closed] = openTo(io, SrtpProfile.AEAD_AES_128_GCM);
    }
    await new Promise(setImmediate);
  }
  while (completed < sent) await new Promise(setImmediate);
  await io.close();
  return completed;
}

/** Port 9 takes nothing: what is sent to it is gone. */
function openTo(io: NativeMediaIo, profile: SrtpProfile): ReturnType<NativeMediaIo["openTransport"]> {
  const transport = io.openTransport();
  io.setSrtpKeys(transport, loopKeys(profile));
  io.setRemote(transport, { protocol: "udp", address: "127.0.0.1", port: 9 });
  return transport;
}

/** Puts some fields of a random record right, so that it gets further. */
function nearlyRight(
  batch: SendBatch,
  position: number,
  random: Random,
  transports: readonly number[],
  io: NativeMediaIo,
): void {
  const at = position * SEND_RECORD_BYTES;
  const chance = (): boolean => random.below(8) !== 0;
  if (chance()) batch.u32[at / 4] = transports[random.below(transports.length)];
  if (chance()) {
    const slot = random.below(64);
    batch.u32[(at + 4) / 4] = slot;
    if (chance()) batch.u32[(at + 8) / 4] = io.store.generations[slot];
  }
  if (chance()) batch.u16[(at + 12) / 2] = random.below(1000);
  if (chance()) batch.u16[(at + 14) / 2] = random.below(1200);
  if (chance()) batch.u8[at + 20] = random.below(2);
  if (chance()) batch.u16[(at + 22) / 2] = random.below(97);
  if (chance()) batch.u32[(at + 28) / 4] = 12 + random.below(20);
}

/** Chunks of random bytes and of real frames. */
function fuzzTcpFraming(random: Random): number {
  let frames = 0;
  let reader = new TcpFrameReader(2048);
  for (let step = 0; step < inputs; step++) {
    const chunk = random.bytes(random.below(40));
    // Lengths mostly small, or every stream would end at its first frame.
    if (random.below(10) !== 0) chunk.fill(0, 0, 1);
    const followed = reader.push(chunk, (frame) => {
      frames++;
      if (frame.length > 2048 || frame.length === 0) throw new Error(`a frame of ${frame.length}`);
      return random.below(20) !== 0;
    });
    if (!followed) reader = new TcpFrameReader(2048);
  }
  return frames;
}

const loaded = loadNativeAddon(values.addon);
if (loaded.addon === undefined) throw new Error(loaded.reason);
const random = new Random(seed);
console.log(`seed ${seed}`);
for (const [name, profile] of Object.entries(SrtpProfile)) {
  const opened = fuzzOpening(loaded.addon, random, profile);
  console.log(`opening, ${name}: ${inputs} packets, ${opened} opened, both backends agree`);
}
for (const threads of [0, 2]) {
  const completed = await fuzzRecords(loaded.addon, random, threads);
  console.log(`records, ${threads} threads: ${completed} completed`);
}
console.log(`TCP framing: ${inputs} chunks, ${fuzzTcpFraming(random)} frames`);

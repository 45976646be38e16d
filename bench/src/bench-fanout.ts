import { runBare, runSut, WARM_UP_MS, type Load } from "./run.ts";
import { progress, type BenchOptions } from "./options.ts";
import type { SinkResult } from "./native.ts";
import { median, round } from "./statistics.ts";

/** 2.5 Mb/s in packets of 1,200 bytes. */
const PACKET_BYTES = 1200;
const PACKETS_PER_SECOND = 260;
/** Share of a core that the headline load may take on the bare loop, so that 1,000 subscribers stay below its limit. */
const MAX_SHARE = 0.55;
const CAPACITY_STEPS = 5;
/** How far behind the source a sustained run may end. */
const MAX_LAG_MS = 50;

export interface FanoutResult {
  name: "fanout";
  subscribers: number;
  backend: string;
  /** CPU (user and system) a forwarded packet. */
  cpuUsPerPacket: number;
  bareLoopCpuUsPerPacket: number;
  /** Forwarding alone, against the bare loop; median of the runs' ratios. */
  ratio: number;
  /** With feedback, reports, consent and retransmissions of every subscriber. */
  fullRatio: number;
  /** Sustained without loss. */
  packetsPerSecond: number;
  bareLoopPacketsPerSecond: number;
  /** Packets that any headline run lost. */
  lost: number;
  /** At half of the bare loop's loss-free load. */
  delayP50Us: number;
  delayP99Us: number;
  delayP999Us: number;
  bareLoopDelayP99Us: number;
  bytesPerSubscriber: number;
  gcMaxMs: number;
  /** Packets a second into the server while measuring CPU. */
  arrivalsPerSecond: number;
}

/** One publisher to many subscribers. */
export async function benchFanout(subscribers: number, options: BenchOptions): Promise<FanoutResult> {
  const { backend } = options;
  const how = { backend, senderThreads: 0, feedback: false, measureDelay: false };
  const arrivalsPerSecond = Math.min(PACKETS_PER_SECOND, Math.floor((MAX_SHARE * 1e6) / (5 * subscribers)));
  const load: Load = {
    publishers: 1,
    packetsPerFrame: [9],
    wishes: "everything",
    subscribers,
    packetBytes: PACKET_BYTES,
    packetsPerSecond: arrivalsPerSecond,
    durationMs: options.seconds * 1000,
    kind: "video",
  };

  const cpu: number[] = [];
  const bareCpu: number[] = [];
  const fullCpu: number[] = [];
  const gcMaxMs: number[] = [];
  let lost = 0;
  let bytesPerSubscriber = 0;
  let usedBackend = "";
  for (let run = 0; run < options.runs; run++) {
    progress(`fanout ${subscribers}: run ${run + 1} of ${options.runs}`);
    const bare = await runBare(load);
    bareCpu.push(bare.result.cpuUs / bare.result.sent);
    const plain = await runSut(load, how);
    cpu.push(plain.result.cpuUs / plain.result.sent);
    gcMaxMs.push(plain.result.gcMaxMs);
    lost += plain.sink.lost + plain.result.dropped;
    const full = await runSut(load, { ...how, feedback: true });
    fullCpu.push(full.result.cpuUs / full.result.sent);
    bytesPerSubscriber = plain.result.memoryBytes / subscribers;
    usedBackend = plain.result.backend;
  }

  progress(`fanout ${subscribers}: how much is sustained without loss`);
  const bareLimit = 1e6 / median(bareCpu) / subscribers;
  const bareCapacity = await capacity(bareLimit, async (packetsPerSecond) => {
    const { sink, result } = await runBare({ ...load, packetsPerSecond });
    return result.refused === 0 && isSustained(sink, load, packetsPerSecond);
  });
  const sutCapacity = await capacity(bareLimit, async (packetsPerSecond) => {
    const { sink, result } = await runSut({ ...load, packetsPerSecond }, how);
    return result.dropped === 0 && isSustained(sink, load, packetsPerSecond);
  });

  progress(`fanout ${subscribers}: delay at half of that`);
  const half = { ...load, packetsPerSecond: Math.max(1, Math.floor(bareCapacity / 2)) };
  const bareP99: number[] = [];
  const p50: number[] = [];
  const p99: number[] = [];
  const p999: number[] = [];
  for (let run = 0; run < Math.min(3, options.runs); run++) {
    bareP99.push((await runBare(half)).result.delayP99Us);
    const { result } = await runSut(half, { ...how, measureDelay: true });
    p50.push(result.delayP50Us);
    p99.push(result.delayP99Us);
    p999.push(result.delayP999Us);
  }
  return {
    name: "fanout",
    subscribers,
    backend: usedBackend,
    cpuUsPerPacket: round(median(cpu)),
    bareLoopCpuUsPerPacket: round(median(bareCpu)),
    ratio: round(median(cpu.map((value, i) => value / bareCpu[i]!))),
    fullRatio: round(median(fullCpu.map((value, i) => value / bareCpu[i]!))),
    packetsPerSecond: Math.round(sutCapacity * subscribers),
    bareLoopPacketsPerSecond: Math.round(bareCapacity * subscribers),
    lost,
    delayP50Us: median(p50),
    delayP99Us: median(p99),
    delayP999Us: median(p999),
    bareLoopDelayP99Us: median(bareP99),
    bytesPerSubscriber: Math.round(bytesPerSubscriber),
    gcMaxMs: round(median(gcMaxMs)),
    arrivalsPerSecond,
  };
}

/** Everything arrived, and in time: what only piled up in a socket's buffer was not sustained. */
function isSustained(sink: SinkResult, load: Load, packetsPerSecond: number): boolean {
  const durationMs = load.durationMs + WARM_UP_MS;
  const expected = Math.floor((packetsPerSecond * durationMs) / 1000) * load.subscribers;
  return sink.lost === 0 && sink.packets >= expected && sink.seconds * 1000 <= durationMs + MAX_LAG_MS;
}

/** Highest arrival rate that passes, by bisection between 40 % and 110 % of `limit`. */
async function capacity(limit: number, passes: (packetsPerSecond: number) => Promise<boolean>): Promise<number> {
  let low = 0;
  let high = limit * 1.1;
  let next = limit * 0.75;
  for (let step = 0; step < CAPACITY_STEPS; step++) {
    if (await passes(Math.max(1, Math.round(next)))) low = next;
    else high = next;
    next = low === 0 ? high * 0.7 : (low + high) / 2;
  }
  return low;
}

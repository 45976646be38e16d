import { progress, type BenchOptions } from "./options.ts";
import { runBare, runSut, WARM_UP_MS, type Load } from "./run.ts";
import { median, round } from "./statistics.ts";

export interface BackendsResult {
  name: "backends";
  subscribers: number;
  nativeCpuUsPerPacket: number;
  typescriptCpuUsPerPacket: number;
  bareLoopCpuUsPerPacket: number;
  /** TypeScript against native. */
  ratio: number;
  lost: number;
}

export interface ThreadsResult {
  name: "threads";
  subscribers: number;
  /** CPU a packet over all threads. */
  oneThreadCpuUsPerPacket: number;
  twoThreadsCpuUsPerPacket: number;
  /** Packets that reached the sink, of those that should have, per cent, at a load that one thread cannot carry. */
  oneThreadDeliveredPercent: number;
  twoThreadsDeliveredPercent: number;
}

function fanoutLoad(subscribers: number, packetsPerSecond: number, seconds: number): Load {
  return {
    publishers: 1,
    packetsPerFrame: [9],
    subscribers,
    packetBytes: 1200,
    packetsPerSecond,
    durationMs: seconds * 1000,
    kind: "video",
    wishes: "everything",
  };
}

/** TypeScript backend against the native one, under a load that both carry. */
export async function benchBackends(subscribers: number, options: BenchOptions): Promise<BackendsResult> {
  const load = fanoutLoad(subscribers, Math.max(1, Math.floor(15_000 / subscribers)), options.seconds);
  const how = { senderThreads: 0, feedback: false, measureDelay: false };
  const bare: number[] = [];
  const native: number[] = [];
  const typescript: number[] = [];
  let lost = 0;
  for (let run = 0; run < options.runs; run++) {
    progress(`backends: run ${run + 1} of ${options.runs}`);
    const b = await runBare(load);
    bare.push(b.result.cpuUs / b.result.sent);
    const n = await runSut(load, { ...how, backend: "native" });
    native.push(n.result.cpuUs / n.result.sent);
    const t = await runSut(load, { ...how, backend: "typescript" });
    typescript.push(t.result.cpuUs / t.result.sent);
    lost += n.sink.lost + t.sink.lost;
  }
  return {
    name: "backends",
    subscribers,
    nativeCpuUsPerPacket: round(median(native)),
    typescriptCpuUsPerPacket: round(median(typescript)),
    bareLoopCpuUsPerPacket: round(median(bare)),
    ratio: round(median(typescript.map((value, i) => value / native[i]!))),
    lost,
  };
}

/** One sender thread against two, under a load beyond one: more processors must carry more. */
export async function benchThreads(subscribers: number, options: BenchOptions): Promise<ThreadsResult> {
  const load = fanoutLoad(subscribers, Math.max(1, Math.floor(260_000 / subscribers)), options.seconds);
  const cpu: Record<1 | 2, number[]> = { 1: [], 2: [] };
  const delivered: Record<1 | 2, number[]> = { 1: [], 2: [] };
  const expected = ((load.packetsPerSecond * (load.durationMs + WARM_UP_MS)) / 1000) * subscribers;
  for (let run = 0; run < options.runs; run++) {
    progress(`threads: run ${run + 1} of ${options.runs}`);
    for (const senderThreads of [1, 2] as const) {
      const how = { backend: "native", senderThreads, feedback: false, measureDelay: false } as const;
      const { result, sink } = await runSut(load, how);
      cpu[senderThreads].push(result.cpuUs / result.sent);
      delivered[senderThreads].push((100 * sink.packets) / expected);
    }
  }
  return {
    name: "threads",
    subscribers,
    oneThreadCpuUsPerPacket: round(median(cpu[1])),
    twoThreadsCpuUsPerPacket: round(median(cpu[2])),
    oneThreadDeliveredPercent: round(median(delivered[1]), 1),
    twoThreadsDeliveredPercent: round(median(delivered[2]), 1),
  };
}

import { progress, type BenchOptions } from "./options.ts";
import { runSut, type Load } from "./run.ts";
import { median, round } from "./statistics.ts";

const SPEAKERS = 10;
/** Frames of 20 ms. */
const PACKETS_PER_SECOND = 50;

export interface AudioResult {
  name: "audio";
  speakers: number;
  listeners: number;
  backend: string;
  cpuUsPerPacket: number;
  packetsOutPerSecond: number;
  lost: number;
  gcMaxMs: number;
}

/** Ten speakers; every listener hears all of them. The rate is lowered where one core could not carry it. */
export async function benchAudio(listeners: number, options: BenchOptions): Promise<AudioResult> {
  const packetsPerSecond = Math.max(1, Math.min(PACKETS_PER_SECOND, Math.floor(120_000 / (SPEAKERS * listeners))));
  const load: Load = {
    publishers: SPEAKERS,
    packetsPerFrame: [1],
    subscribers: listeners,
    packetBytes: 120,
    packetsPerSecond,
    durationMs: options.seconds * 1000,
    kind: "audio",
    wishes: "everything",
  };
  const cpu: number[] = [];
  const gcMaxMs: number[] = [];
  let lost = 0;
  let last: Awaited<ReturnType<typeof runSut>> | undefined;
  for (let run = 0; run < options.runs; run++) {
    progress(`audio: run ${run + 1} of ${options.runs}`);
    last = await runSut(load, { backend: options.backend, senderThreads: 0, feedback: false, measureDelay: false });
    cpu.push(last.result.cpuUs / last.result.sent);
    gcMaxMs.push(last.result.gcMaxMs);
    lost += last.sink.lost + last.result.dropped;
  }
  return {
    name: "audio",
    speakers: SPEAKERS,
    listeners,
    backend: last?.result.backend ?? "",
    cpuUsPerPacket: round(median(cpu)),
    packetsOutPerSecond: Math.round(last?.sink.packetsPerSecond ?? 0),
    lost,
    gcMaxMs: round(median(gcMaxMs)),
  };
}

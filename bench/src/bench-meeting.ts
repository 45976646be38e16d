import { progress, type BenchOptions } from "./options.ts";
import { runSut, type Load } from "./run.ts";
import { median, round } from "./statistics.ts";

const PARTICIPANTS = 20;

export interface MeetingResult {
  name: "meeting";
  participants: number;
  backend: string;
  cpuUsPerPacket: number;
  /** Share of one core, per cent. */
  cpuPercent: number;
  packetsInPerSecond: number;
  packetsOutPerSecond: number;
  lost: number;
  delayP50Us: number;
  delayP99Us: number;
  gcMaxMs: number;
}

/** Everybody sends three encodings; everybody sees one neighbour large and the others small. */
export async function benchMeeting(options: BenchOptions): Promise<MeetingResult> {
  const load: Load = {
    publishers: PARTICIPANTS,
    packetsPerFrame: [1, 3, 9],
    subscribers: PARTICIPANTS,
    packetBytes: 1200,
    packetsPerSecond: 13 * 30,
    durationMs: options.seconds * 1000,
    kind: "video",
    wishes: "meeting",
  };
  const how = { backend: options.backend, senderThreads: 0, feedback: true };
  const cpu: number[] = [];
  const percent: number[] = [];
  const delay50: number[] = [];
  const delay99: number[] = [];
  const gcMaxMs: number[] = [];
  let lost = 0;
  let last: Awaited<ReturnType<typeof runSut>> | undefined;
  for (let run = 0; run < options.runs; run++) {
    progress(`meeting: run ${run + 1} of ${options.runs}`);
    last = await runSut(load, { ...how, measureDelay: false });
    cpu.push(last.result.cpuUs / last.result.sent);
    percent.push(last.result.cpuUs / load.durationMs / 10);
    gcMaxMs.push(last.result.gcMaxMs);
    lost += last.sink.lost + last.result.dropped;
    const { result } = await runSut(load, { ...how, measureDelay: true });
    delay50.push(result.delayP50Us);
    delay99.push(result.delayP99Us);
  }
  return {
    name: "meeting",
    participants: PARTICIPANTS,
    backend: last?.result.backend ?? "",
    cpuUsPerPacket: round(median(cpu)),
    cpuPercent: round(median(percent), 1),
    packetsInPerSecond: PARTICIPANTS * load.packetsPerSecond,
    packetsOutPerSecond: Math.round(last?.sink.packetsPerSecond ?? 0),
    lost,
    delayP50Us: median(delay50),
    delayP99Us: median(delay99),
    gcMaxMs: round(median(gcMaxMs)),
  };
}

import { loadNativeAddon } from "@cation/media-io/native-addon";
import type { JoinsServerMemory } from "./joins-server.ts";
import { progress, type BenchOptions } from "./options.ts";
import { askBots, SfuStage, type BotsChild } from "./sfu-stage.ts";

const FEW = 100;
const DEFAULT_MANY = 1_000;
/** The publisher sends seldom: memory is asked for, not work. */
const TICK_MS = 500;

export interface MemoryResult {
  name: "memory";
  backend: string;
  dtlsBackend: string;
  subscribers: number;
  /** Heap and array buffers after a collection: slope between 100 subscribers and all of them. */
  bytesPerSubscriber: number;
  /** The same of the whole process as the kernel sees it: sessions of OpenSSL included, and what the heap holds in reserve. */
  residentBytesPerSubscriber: number;
}

/** What a subscriber with DTLS sessions, one audio and one video consumer keeps in memory. */
export async function benchMemory(options: BenchOptions): Promise<MemoryResult> {
  const dtlsBackend = loadNativeAddon().addon === undefined ? "werift" : "openssl";
  const many = options.subscribers ?? DEFAULT_MANY;
  const stage = await SfuStage.open({ backend: options.backend, dtlsBackend });
  try {
    const bots = await stage.addBots({ tickMs: TICK_MS });
    progress(`memory: ${FEW} subscribers`);
    const few = await measureWith(stage, bots, FEW);
    progress(`memory: ${many} subscribers`);
    const all = await measureWith(stage, bots, many - FEW);
    const subscribers = many - FEW;
    return {
      name: "memory",
      backend: stage.server.ready.backend,
      dtlsBackend: stage.server.ready.dtlsBackend,
      subscribers: many,
      bytesPerSubscriber: Math.round((all.usedBytes - few.usedBytes) / subscribers),
      residentBytesPerSubscriber: Math.round((all.residentBytes - few.residentBytes) / subscribers),
    };
  } finally {
    await stage.close();
  }
}

async function measureWith(stage: SfuStage, bots: BotsChild, more: number): Promise<JoinsServerMemory> {
  const { failed } = await askBots(bots, { kind: "stay", viewers: more });
  if (failed > 0) throw new Error(`${failed} of ${more} subscribers did not connect`);
  return stage.server.ask<JoinsServerMemory>({ kind: "memory" });
}

import type { BotReport } from "../../load/bots/bot.ts";
import type { SourceGap } from "../../load/bots/source-gap.ts";
import { startBotProcesses } from "../../load/run/bot-process.ts";
import type { BotProcess } from "../../load/run/bot-process.ts";
import { startCluster } from "../../scripts/local-cluster.ts";
import type { LocalCluster } from "../../scripts/local-cluster.ts";

/** A gap is looked for from this long before the fault to this long after it. */
const BEFORE_MS = 2_000;
const AFTER_MS = 30_000;
const JOIN_SPREAD_MS = 100;
const SETTLE_MS = 6_000;

export interface ChaosOptions {
  readonly viewers: number;
  readonly onLine: (name: string, line: string) => void;
}

/** What a scenario found; printed as the last line. */
export interface ChaosResult {
  readonly viewers: number;
  /** Bots that were on a node that was taken away. */
  readonly victims: number;
  /** Of these, those that went on elsewhere under their id, and those that joined anew. */
  readonly moved: number;
  readonly rejoined: number;
  /** Longest time without a decodable picture, of the victims; 30 s for one that did not come back. */
  readonly gapP50Ms: number;
  readonly gapP95Ms: number;
  /** The same of everybody else. */
  readonly othersGapP95Ms: number;
  readonly othersLostPackets: number;
  /** Participants on record that are nobody. */
  readonly ghosts: number;
}

export type ListedBot = BotReport & { readonly id: number };

/** A cluster of three sfu nodes on loopback with one publisher and viewers spread over them. */
export class ChaosRun {
  readonly cluster: LocalCluster;
  readonly #bots: BotProcess;
  readonly #viewers: number;

  static async start({ viewers, onLine }: ChaosOptions): Promise<ChaosRun> {
    const env = { sfu: { CATION_SFU_DRAIN_TIMEOUT_MS: "30000" } };
    const cluster = await startCluster({ sfus: 3, placement: "spread", env, onLine });
    const [bots] = await startBotProcesses(1, onLine);
    const run = new ChaosRun(cluster, bots as BotProcess, viewers);
    await run.#fill();
    return run;
  }

  private constructor(cluster: LocalCluster, bots: BotProcess, viewers: number) {
    this.cluster = cluster;
    this.#bots = bots;
    this.#viewers = viewers;
  }

  async bots(): Promise<ListedBot[]> {
    return (await this.#get<{ bots: ListedBot[] }>("/bots")).bots;
  }

  /** Node of the publisher. */
  async publisherNode(): Promise<string> {
    return (await this.bots()).find(({ sent }) => sent.length > 0)?.nodeId ?? "";
  }

  /** Does something to the cluster that takes these nodes away (none for a fault of another part), and measures it. */
  async measure(nodeIds: readonly string[], fault: () => Promise<void>): Promise<ChaosResult> {
    const before = await this.bots();
    const atMs = Date.now();
    await fault();
    await delay(Math.max(0, atMs + AFTER_MS - Date.now()));
    const gaps = await this.#get<{ gaps: (SourceGap & { bot: number })[] }>(
      `/gaps?fromMs=${atMs - BEFORE_MS}&toMs=${Date.now() - 500}`,
    );
    const after = new Map((await this.bots()).map((bot) => [bot.id, bot]));
    const victims = new Set(before.filter(({ nodeId }) => nodeIds.includes(nodeId)).map(({ id }) => id));
    const pictures = gaps.gaps.filter(({ kind }) => kind === "video");
    const ofVictims = pictures.filter(({ bot }) => victims.has(bot)).map(({ longestMs }) => longestMs);
    const ofOthers = pictures.filter(({ bot }) => !victims.has(bot)).map(({ longestMs }) => longestMs);
    const count = (read: (bot: ListedBot) => number): number =>
      [...victims].filter((id) => {
        const [then, now] = [before.find((bot) => bot.id === id), after.get(id)];
        return then !== undefined && now !== undefined && read(now) > read(then);
      }).length;
    const alive = [...after.values()].filter(({ ended }) => ended === undefined);
    return {
      viewers: this.#viewers,
      victims: victims.size,
      moved: count(({ moves }) => moves),
      rejoined: count(({ rejoins }) => rejoins),
      gapP50Ms: percentile(ofVictims, 0.5),
      gapP95Ms: percentile(ofVictims, 0.95),
      othersGapP95Ms: percentile(ofOthers, 0.95),
      othersLostPackets: before.reduce((sum, bot) => {
        const now = after.get(bot.id);
        return victims.has(bot.id) || !now ? sum : sum + lostPackets(now) - lostPackets(bot);
      }, 0),
      ghosts: Math.max(0, ...alive.map(({ participantCount }) => participantCount)) - alive.length,
    };
  }

  async stop(): Promise<void> {
    await this.#bots.process.kill();
    await this.cluster.kill();
  }

  async #fill(): Promise<void> {
    const urls = this.cluster.signals.map(({ url }) => url);
    const publish = { audio: true, video: { bitrateBps: 300_000, simulcast: false } };
    await this.#post({ count: 1, room: "chaos", identity: "publisher", urls, publish });
    await delay(2_000);
    const spreadMs = this.#viewers * JOIN_SPREAD_MS;
    await this.#post({ count: this.#viewers, room: "chaos", identity: "viewer", urls, spreadMs });
    await delay(spreadMs + SETTLE_MS);
  }

  async #get<T>(path: string): Promise<T> {
    return (await fetch(`${this.#bots.url}${path}`)).json() as Promise<T>;
  }

  async #post(body: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    await fetch(`${this.#bots.url}/bots`, { method: "POST", headers, body: JSON.stringify(body) });
  }
}

function lostPackets({ received }: ListedBot): number {
  return received.reduce((sum, track) => sum + track.lostPackets, 0);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

export function delay(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

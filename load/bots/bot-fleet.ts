import { Bot } from "./bot.ts";
import type { BotReport } from "./bot.ts";
import type { BotShared } from "./bot-shared.ts";
import { joinBySignal } from "./join-by-signal.ts";
import type { TokenMinter } from "./join-by-signal.ts";
import { summarize } from "./media-summary.ts";
import type { BotsChoice, BotsOrder } from "./bots-order.ts";
import { SampleLog } from "./sample-log.ts";
import type { SampleBody, SamplePage } from "./sample-log.ts";
import type { SourceGap } from "./source-gap.ts";

const TICK_MS = 10;
/** Between looks at whether something has happened to a bot. */
const LOOK_MS = 50;
/** Between two samples of what a bot receives. */
const MEDIA_INTERVAL_MS = 2_000;
const LOG_CAPACITY = 200_000;

export interface FleetOptions {
  /** Of the process, put into identities, so that bots of several processes differ. */
  readonly name?: string;
  /** Makes the tokens that an order does not bring. Default: signal does, in development mode. */
  readonly mintToken?: TokenMinter;
}

interface Member {
  readonly id: number;
  readonly group: string;
  readonly bot: Bot;
  /** Milestones that were told. */
  joined: boolean;
  connected: boolean;
  firstFrame: boolean;
  ended: boolean;
  rejoins: number;
  nextMediaMs: number;
  mediaFromMs: number;
  sentBytes: Map<string, number>;
}

/** All bots of a process: makes them, lets their time pass, and takes down what they see. */
export class BotFleet {
  readonly #shared: BotShared;
  readonly #options: FleetOptions;
  readonly #members = new Map<number, Member>();
  readonly #log = new SampleLog(LOG_CAPACITY);
  readonly #timers: NodeJS.Timeout[] = [];
  #lastId = 0;

  constructor(shared: BotShared, options: FleetOptions = {}) {
    this.#shared = shared;
    this.#options = options;
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS));
    this.#timers.push(setInterval(() => this.#look(), LOOK_MS));
  }

  get size(): number {
    return this.#members.size;
  }

  /** Makes bots that begin to join now; what becomes of them stands in the samples. Returns their numbers. */
  create(order: BotsOrder): number[] {
    const ids: number[] = [];
    for (let i = 0; i < order.count; i++) {
      const member = this.#make(order, i);
      ids.push(member.id);
      const delayMs = ((order.spreadMs ?? 0) * i) / order.count;
      if (delayMs === 0) void this.#start(member);
      else this.#shared.clock.setTimer(delayMs, () => void this.#start(member));
    }
    return ids;
  }

  /** Takes bots out: politely, or as when their machines lose power. Resolves with their number when they are gone. */
  async remove(choice: BotsChoice, how: "leave" | "vanish"): Promise<number> {
    const chosen = this.#choose(choice);
    for (const { id } of chosen) this.#members.delete(id);
    await Promise.all(chosen.map(({ bot }) => (how === "leave" ? bot.leave() : bot.vanish())));
    return chosen.length;
  }

  samples(cursor: number, limit: number): SamplePage {
    return this.#log.read(cursor, limit);
  }

  reports(choice: BotsChoice): (BotReport & { readonly id: number; readonly group: string })[] {
    return this.#choose(choice).map(({ id, group, bot }) => ({ id, group, ...bot.report() }));
  }

  /** Longest pauses of each source at each bot between two instants (milliseconds since 1970). */
  gaps(fromMs: number, toMs: number, choice: BotsChoice): (SourceGap & { readonly bot: number })[] {
    const { clock } = this.#shared;
    const offset = clock.monotonicMs() - clock.nowMs();
    return this.#choose(choice).flatMap(({ id, bot }) =>
      bot.gapsBetween(fromMs + offset, toMs + offset).map((gap) => ({ bot: id, ...gap })),
    );
  }

  /** All bots vanish. Idempotent. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.remove({}, "vanish");
    this.#shared.dtls.close();
  }

  #make(order: BotsOrder, index: number): Member {
    const id = ++this.#lastId;
    const { urls, room, tokens, region = "", nodeId = "", tiles, group = "" } = order;
    const { clock, random } = this.#shared;
    const { name, mintToken } = this.#options;
    const place = {
      urls: urls.map((_, i) => urls[(index + i) % urls.length]),
      room,
      identity: [order.identity, name, id].filter((part) => part !== undefined).join("-"),
      region,
      nodeId,
      token: tokens?.[index] ?? mintToken,
      autoSubscribe: tiles === undefined,
    };
    const bot = new Bot(this.#shared, {
      publish: order.publish ?? { audio: false, video: false },
      connect: (handler) => joinBySignal(place, clock, random, handler),
      ...(tiles === undefined ? {} : { tiles }),
    });
    const member: Member = {
      ...{ id, group, bot },
      ...{ joined: false, connected: false, firstFrame: false, ended: false, rejoins: 0 },
      ...{ nextMediaMs: 0, mediaFromMs: 0, sentBytes: new Map() },
    };
    this.#members.set(id, member);
    return member;
  }

  async #start(member: Member): Promise<void> {
    if (!this.#members.has(member.id)) return;
    try {
      await member.bot.start();
      this.#look();
    } catch (error) {
      const code = String(Reflect.get(Object(error), "code") ?? "ERROR");
      const message = error instanceof Error ? error.message : String(error);
      this.#members.delete(member.id);
      this.#note(member, { kind: "joinFailed", code, message });
      await member.bot.vanish();
    }
  }

  #choose({ ids, group, count }: BotsChoice): Member[] {
    const wanted = ids === undefined ? undefined : new Set(ids);
    const members = [...this.#members.values()].filter(
      (member) => (wanted?.has(member.id) ?? true) && (group === undefined || member.group === group),
    );
    return count === undefined ? members : members.slice(0, count);
  }

  #tick(): void {
    const nowMs = this.#shared.clock.monotonicMs();
    for (const { bot } of this.#members.values()) bot.tick(nowMs);
  }

  #look(): void {
    const nowMs = this.#shared.clock.monotonicMs();
    for (const member of this.#members.values()) {
      if (member.bot.joined === undefined) continue;
      if (!member.firstFrame) this.#noteMilestones(member, nowMs);
      if (member.bot.rejoins > member.rejoins) this.#noteRejoin(member);
      if (member.bot.ended !== undefined && !member.ended) {
        member.ended = true;
        this.#note(member, { kind: "ended", reason: member.bot.ended });
      }
      if (member.joined && nowMs >= member.nextMediaMs) this.#noteMedia(member, nowMs);
    }
  }

  #noteMilestones(member: Member, nowMs: number): void {
    const { joinMs, connectedMs, firstFrameMs } = member.bot.milestones;
    if (!member.joined && joinMs > 0) {
      member.joined = true;
      member.mediaFromMs = nowMs;
      member.nextMediaMs = nowMs + MEDIA_INTERVAL_MS;
      this.#note(member, { kind: "join", joinMs, nodeId: member.bot.joined?.nodeId ?? "" });
    }
    if (!member.connected && connectedMs !== undefined) {
      member.connected = true;
      this.#note(member, { kind: "connected", connectedMs });
    }
    if (firstFrameMs !== undefined && member.joined) {
      member.firstFrame = true;
      this.#note(member, { kind: "firstFrame", firstFrameMs, afterJoinMs: firstFrameMs - joinMs });
    }
  }

  #noteRejoin(member: Member): void {
    member.rejoins = member.bot.rejoins;
    this.#note(member, { kind: "rejoin", nodeId: member.bot.joined?.nodeId ?? "" });
  }

  #noteMedia(member: Member, nowMs: number): void {
    const intervalMs = nowMs - member.mediaFromMs;
    member.mediaFromMs = nowMs;
    member.nextMediaMs = nowMs + MEDIA_INTERVAL_MS;
    const intervals = member.bot.takeIntervals(nowMs);
    if (intervals.length > 0) {
      const audio = summarize(intervals, "audio", intervalMs);
      const video = summarize(intervals, "video", intervalMs);
      this.#note(member, { kind: "media", intervalMs: Math.round(intervalMs), audio, video });
    }
    this.#noteSent(member, intervalMs);
  }

  #noteSent(member: Member, intervalMs: number): void {
    const bitrateBps: Record<string, number> = {};
    for (const { kind, rid, bytes } of member.bot.sentBytes) {
      const name = rid === "" ? kind : rid;
      bitrateBps[name] = Math.round(((bytes - (member.sentBytes.get(name) ?? 0)) * 8_000) / Math.max(intervalMs, 1));
      member.sentBytes.set(name, bytes);
    }
    if (Object.keys(bitrateBps).length > 0) this.#note(member, { kind: "sent", bitrateBps });
  }

  #note({ id, group }: Member, body: SampleBody): void {
    this.#log.add({ atMs: this.#shared.clock.nowMs(), bot: id, group, ...body });
  }
}

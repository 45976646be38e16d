import { Grants, TrackSource } from "@cation/proto/common/v1/common";
import type { Joined } from "@cation/proto/client/v1/client";
import type { InspectResponse } from "@cation/proto/sfu/v1/sfu";
import { systemClock } from "@cation/service-kit/clock";
import { TestCluster } from "@cation/sfu/testing/test-cluster";
import type { TestNodeOptions } from "@cation/sfu/testing/test-cluster";
import { Bot } from "./bot.ts";
import { createBotShared } from "./bot-shared.ts";
import type { PublishOptions } from "./publish-options.ts";
import { openSessionLink } from "./session-link.ts";

const TICK_MS = 10;
const DEADLINE_MS = 10_000;
const ALL_GRANTS = Grants.fromPartial({
  publish: [TrackSource.CAMERA, TrackSource.MICROPHONE, TrackSource.SCREEN, TrackSource.SCREEN_AUDIO],
  subscribe: true,
  administer: true,
});

export interface BotJoin {
  readonly nodeId: string;
  readonly roomId?: string;
  readonly publish?: PublishOptions;
  readonly grants?: Grants;
  readonly autoSubscribe?: boolean;
}

/** sfu nodes in this process and bots that enter them by islb and a session stream, as signal would bring them in. */
export class BotTestKit {
  readonly cluster: TestCluster;
  readonly #shared = createBotShared();
  readonly #bots: Bot[] = [];
  readonly #ticker: NodeJS.Timeout;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.#ticker = setInterval(() => this.#bots.forEach((bot) => bot.tick()), TICK_MS);
  }

  static start(...nodeIds: string[]): Promise<BotTestKit> {
    return BotTestKit.startWith({}, ...nodeIds);
  }

  /** Starts nodes that are set up alike. */
  static async startWith(options: TestNodeOptions, ...nodeIds: string[]): Promise<BotTestKit> {
    return new BotTestKit(await TestCluster.start(nodeIds, options));
  }

  async join({ nodeId, roomId = "room", publish, grants, autoSubscribe = true }: BotJoin): Promise<Bot> {
    const identity = `bot-${this.#bots.length + 1}`;
    const bot = new Bot(this.#shared, {
      publish: publish ?? { audio: true, video: true },
      connect: async (handler) => {
        const who = { identity, name: "", metadata: "", region: "", maxParticipants: 0, grants: grants ?? ALL_GRANTS };
        const { participant, room } = await this.cluster.islb.join({ ...who, roomId, nodeId });
        const start = { $case: "open", value: { participant, room, autoSubscribe, moved: false } } as const;
        return openSessionLink(this.cluster.clientOf(nodeId), start, systemClock, handler);
      },
    });
    this.#bots.push(bot);
    await bot.start();
    return bot;
  }

  /** Joins as somebody who only watches. */
  watch(nodeId: string, roomId?: string): Promise<Bot> {
    return this.join({ nodeId, publish: { audio: false, video: false }, ...(roomId === undefined ? {} : { roomId }) });
  }

  /** Takes a bot's session up on a new stream. */
  async resume(bot: Bot, nodeId: string, lastEventSequence: number): Promise<Joined> {
    const participantId = bot.joined?.participant?.participantId ?? "";
    const roomId = bot.joined?.room?.roomId ?? "";
    const start = { $case: "resume", value: { roomId, participantId, lastEventSequence } } as const;
    await bot.reconnect((handler) => openSessionLink(this.cluster.clientOf(nodeId), start, systemClock, handler));
    if (!bot.joined) throw new Error("not resumed");
    return bot.joined;
  }

  inspect(nodeId: string): Promise<InspectResponse> {
    return this.cluster.clientOf(nodeId).inspect({ roomId: "" });
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.all(this.#bots.map((bot) => bot.vanish()));
    await this.cluster.close();
    this.#shared.dtls.close();
  }
}

/** Waits for a condition; what never becomes true fails by its name. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAtMs > DEADLINE_MS) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

/** Whether a bot receives so many tracks, and could have decoded so many frames of each. */
export function decodes(bot: Bot, tracks: number, frames: number): boolean {
  const { received } = bot.report();
  return received.length === tracks && received.every(({ decodableFrames }) => decodableFrames >= frames);
}

/** Whether a bot decodes so many frames of a track more than it has. */
export function moreFrames(bot: Bot, trackId: string, frames: number): () => boolean {
  const count = (): number => bot.report().received.find((track) => track.trackId === trackId)?.decodableFrames ?? 0;
  const before = count();
  return () => count() >= before + frames;
}

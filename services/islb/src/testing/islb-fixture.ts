import type { EventBus } from "@cation/cluster/events/event-bus";
import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { directClient } from "@cation/cluster/rpc/direct-client";
import { MemoryNodeRegistry } from "@cation/cluster/store/memory-node-registry";
import { MemoryRoomStore } from "@cation/cluster/store/memory-room-store";
import { makeNode } from "@cation/cluster/testing/records";
import type { NodeRegistry } from "@cation/cluster/store/node-registry";
import type { RoomStore } from "@cation/cluster/store/room-store";
import { mulberry32 } from "@cation/cluster/testing/seeded-random";
import { IslbServiceDefinition, JoinRequest } from "@cation/proto/islb/v1/islb";
import type { IslbService, RoomPosition } from "@cation/proto/islb/v1/islb";
import { Track } from "@cation/proto/state/v1/state";
import type { Node } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { createIslb } from "../create-islb.ts";
import type { Islb } from "../create-islb.ts";
import { defaultIslbSettings } from "../islb-config.ts";
import type { IslbSettings } from "../islb-config.ts";
import type { NodeProbe } from "../node-vitals.ts";

/** The settings that an islb without configuration has, with some changed. */
export function makeSettings(overrides: Partial<IslbSettings> = {}): IslbSettings {
  return { ...defaultIslbSettings(), ...overrides };
}

/** A store that a test can make unreachable. */
export function interruptible<T extends object>(target: T, isAway: () => boolean): T {
  return new Proxy(target, {
    get(object, key) {
      const member: unknown = Reflect.get(object, key);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown =>
        isAway()
          ? Promise.reject(new CodedError("STORE_UNAVAILABLE"))
          : (member as (...values: unknown[]) => unknown).apply(object, args);
    },
  });
}

export interface IslbFixtureOptions {
  readonly settings?: Partial<IslbSettings>;
  readonly probe?: NodeProbe;
  readonly events?: EventBus;
  readonly seed?: number;
}

/** Memory stores, a bus and a virtual clock, and as many islbs on them as a test wants. */
export class IslbFixture {
  readonly clock = new VirtualClock();
  readonly store: RoomStore;
  readonly registry: NodeRegistry;
  readonly events: EventBus;
  storeIsAway = false;
  readonly #options: IslbFixtureOptions;
  readonly #random: () => number;
  readonly #islbs: Islb[] = [];

  constructor(options: IslbFixtureOptions = {}) {
    this.#options = options;
    this.#random = mulberry32(options.seed ?? 1);
    this.store = interruptible<RoomStore>(new MemoryRoomStore(this.clock), () => this.storeIsAway);
    this.registry = interruptible<NodeRegistry>(new MemoryNodeRegistry(this.clock), () => this.storeIsAway);
    this.events = options.events ?? new InProcessEventBus();
  }

  /** One more islb. Not started. */
  makeIslb(clock: Clock = this.clock): Islb {
    const islb = createIslb({
      config: makeSettings(this.#options.settings),
      store: this.store,
      registry: this.registry,
      events: this.events,
      clock,
      random: this.#random,
      logger: createLogger({ service: "islb", level: "silent" }),
      ...(this.#options.probe && { probe: this.#options.probe }),
    });
    this.#islbs.push(islb);
    return islb;
  }

  /** A started islb, called as over a wire. */
  async startIslb(): Promise<IslbService> {
    const islb = this.makeIslb();
    await islb.start();
    return directClient<IslbService>(IslbServiceDefinition, islb.service, { clock: this.clock });
  }

  /** Ends every islb; stores and bus stay. */
  async closeIslbs(): Promise<void> {
    await Promise.all(this.#islbs.splice(0).map((islb) => islb.close()));
  }

  async close(): Promise<void> {
    await this.closeIslbs();
    await this.events.close();
  }
}

/** A request to join, with what tests need. */
export function joinRequest(roomId: string, identity: string, overrides: Partial<JoinRequest> = {}): JoinRequest {
  return JoinRequest.fromPartial({ roomId, identity, grants: { publish: [1, 2], subscribe: true }, ...overrides });
}

/** A track as an sfu announces it. */
export function trackOf(participantId: string, trackId: string, nodeId = "n1"): Track {
  return Track.fromPartial({ trackId, participantId, nodeId, kind: 2, source: 1, codecs: [{ mimeType: "video/VP8" }] });
}

/** Reports a node. */
export function report(islb: IslbService, nodeId: string, rooms: RoomPosition[] = [], overrides: Partial<Node> = {}) {
  return islb.reportNode({ node: makeNode(nodeId, overrides), rooms });
}

import { EventBusLinkDefinition } from "@cation/cluster/events/event-bus-link";
import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { serveEventBus } from "@cation/cluster/events/serve-event-bus";
import { GrpcServer } from "@cation/cluster/rpc/grpc-server";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import { MemoryIslb } from "@cation/sfu/testing/memory-islb";
import { BenchChild } from "./bench-child.ts";
import type { JoinsClientAnswer, JoinsClientOptions, JoinsClientQuestion } from "./joins-client.ts";
import type { JoinsServerOptions, JoinsServerReady } from "./joins-server.ts";

/** A process of bots: see joins-client.ts. */
export type BotsChild = BenchChild<object>;

export function askBots(bots: BotsChild, question: JoinsClientQuestion): Promise<JoinsClientAnswer> {
  return bots.ask(question);
}

/** An sfu in a process of its own, with islb and events in this one, and processes of bots that join it. */
export class SfuStage {
  readonly server: BenchChild<JoinsServerReady>;
  readonly #islb: string;
  readonly #bots: BotsChild[] = [];
  readonly #closeParent: () => Promise<void>;

  private constructor(server: BenchChild<JoinsServerReady>, islb: string, closeParent: () => Promise<void>) {
    this.server = server;
    this.#islb = islb;
    this.#closeParent = closeParent;
  }

  static async open(how: Omit<JoinsServerOptions, "parent">): Promise<SfuStage> {
    const events = new InProcessEventBus();
    const grpc = new GrpcServer();
    grpc.add(IslbServiceDefinition, new MemoryIslb(events));
    grpc.serveDuplex(EventBusLinkDefinition, "connect", serveEventBus(events));
    const parent = `127.0.0.1:${await grpc.listen("127.0.0.1", 0)}`;
    // Free to use more than one processor: handshakes are on a thread of their own.
    const server = await BenchChild.start<JoinsServerReady>("joins-server.ts", undefined, { ...how, parent });
    return new SfuStage(server, parent, async () => {
      await grpc.close();
      await events.close();
    });
  }

  /** Starts a process of bots. Those of one stage share a processor, but not a thread. */
  async addBots(how: Pick<JoinsClientOptions, "tickMs">): Promise<BotsChild> {
    const options: JoinsClientOptions = { ...how, islb: this.#islb, sfu: this.server.ready.address };
    const bots: BotsChild = await BenchChild.start("joins-client.ts", "driver", options);
    this.#bots.push(bots);
    return bots;
  }

  async close(): Promise<void> {
    await Promise.all(this.#bots.map((bots) => bots.stop()));
    await this.server.stop();
    await this.#closeParent();
  }
}

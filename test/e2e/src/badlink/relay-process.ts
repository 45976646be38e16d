import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LinkConfig } from "@cation/simnet/link-model";
import type { RelayOrder } from "@cation/simnet/udp-relay-process";
import type { RelayDirection, UdpRelayOptions } from "@cation/simnet/udp-relay";

/** The relay between clients and the media port, in a process of its own. */
export class RelayProcess {
  readonly #child: ChildProcess;

  static async start(options: UdpRelayOptions): Promise<RelayProcess> {
    const path = fileURLToPath(import.meta.resolve("@cation/simnet/udp-relay-process"));
    const child = fork(path, [JSON.stringify(options)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const [first] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (first !== "ready") throw new Error("The relay did not start.");
    return new RelayProcess(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Clients that come from now on are of this group. */
  setGroup(group: string): void {
    this.#order({ kind: "group", group });
  }

  configure(group: string, direction: RelayDirection, change: Partial<LinkConfig>): void {
    this.#order({ kind: "link", group, direction, change });
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }

  #order(order: RelayOrder): void {
    this.#child.send(order);
  }
}

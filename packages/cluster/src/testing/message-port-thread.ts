import { workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { InspectResponse, SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import { MessagePortServer } from "../rpc/message-port-server.ts";

/** The thread that message-port.test.ts calls, and that dies as it is asked to. */
const server = new MessagePortServer(workerData as MessagePort);
server.add(SfuServiceDefinition, {
  session: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
  inspect({ roomId }: { readonly roomId: string }) {
    if (roomId === "throws") setImmediate(() => dieUncaught());
    if (roomId === "exits") process.exit(3);
    if (roomId === "hang") return new Promise(() => {});
    return Promise.resolve(InspectResponse.create({ nodeId: `echo ${roomId}` }));
  },
});
server.serveDuplex(RelayServiceDefinition, "link", () => {});

function dieUncaught(): never {
  throw new Error("as asked");
}

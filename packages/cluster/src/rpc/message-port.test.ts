import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { InspectResponse, SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SessionUp, SfuService } from "@cation/proto/sfu/v1/sfu";
import type { CodedError } from "@cation/service-kit/coded-error";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { messagePortClient, MessagePortConnection } from "./message-port-client.ts";
import { MessagePortServer, serveMessagePort } from "./message-port-server.ts";
import { CONTRACT_MAX_BYTES, rpcContract } from "./rpc.contract.ts";

const never: AsyncIterable<SessionUp> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };

async function startEcho() {
  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(new URL("../testing/message-port-thread.ts", import.meta.url), {
    workerData: port2,
    transferList: [port2],
  });
  return { thread, port: port1 };
}

describe("calls over a MessagePort", () => {
  rpcContract((fixture, deadlineMs) => {
    const { port1, port2 } = new MessageChannel();
    const internalErrors: unknown[] = [];
    const options = { deadlineMs, maxMessageBytes: CONTRACT_MAX_BYTES };
    const server = new MessagePortServer(port2, { ...options, onInternalError: (error) => internalErrors.push(error) });
    server.add(SfuServiceDefinition, fixture.sfu);
    server.serveDuplex(RelayServiceDefinition, "link", fixture.serveLink);
    const connection = new MessagePortConnection(port1, options);
    return Promise.resolve({
      sfu: connection.client<SfuService>(SfuServiceDefinition),
      openLink: () => connection.openDuplex(RelayServiceDefinition, "link"),
      internalErrors,
      close: () => {
        connection.close();
        return Promise.resolve();
      },
    });
  });
});

describe("a MessagePort", () => {
  test("refuses a service that is not served there", async () => {
    const { port1, port2 } = new MessageChannel();
    serveMessagePort<SfuService>(port2, SfuServiceDefinition, { inspect: undefined } as never);
    const islb = messagePortClient<IslbService>(port1, IslbServiceDefinition);
    await expect(islb.listNodes({})).rejects.toMatchObject({ code: "MESSAGE_UNKNOWN" });
    islb.close();
  });

  test("refuses calls beyond its bound, and all once it is closed", async () => {
    const { port1, port2 } = new MessageChannel();
    const server = serveMessagePort<Partial<SfuService>>(port2, SfuServiceDefinition, {
      inspect: () => new Promise(() => {}),
    });
    const sfu = messagePortClient<SfuService>(port1, SfuServiceDefinition, { maxPendingCalls: 2 });
    const calls = [1, 2, 3].map(() => sfu.inspect({ roomId: "" }).catch((error: CodedError) => error.message));
    expect(await calls[2]).toBe("Too many calls are under way.");
    server.close();
    expect(await Promise.all(calls.slice(0, 2))).toEqual(["The thread is gone.", "The thread is gone."]);
    await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "SFU_UNAVAILABLE", retryable: true });
  });

  test("gives large messages away instead of copying them, and leaves a sender's own memory alone", async () => {
    const { port1, port2 } = new MessageChannel();
    const sizes: number[] = [];
    const server = new MessagePortServer(port2);
    server.serveDuplex(RelayServiceDefinition, "link", (duplex) => {
      duplex.onMessage = ({ up }) => {
        if (up?.$case === "batch") sizes.push(up.value.packets.length);
        duplex.end();
      };
    });
    const connection = new MessagePortConnection(port1);
    const link = connection.openDuplex(RelayServiceDefinition, "link");
    const packets = Buffer.alloc(60_000, 1);
    link.write({ up: { $case: "batch", value: { packets } } });
    await new Promise<void>((resolve) => (link.onClose = resolve));
    expect(sizes).toEqual([60_000]);
    expect(packets.every((byte) => byte === 1)).toBe(true);
    connection.close();
  });
});

describe("calls to a thread", () => {
  test("arrive there and come back", async () => {
    const { thread, port } = await startEcho();
    const sfu = messagePortClient<SfuService>(port, SfuServiceDefinition, { deadlineMs: 50_000 });
    expect(await sfu.inspect({ roomId: "r" })).toEqual(InspectResponse.create({ nodeId: "echo r" }));
    sfu.close();
    await once(thread, "exit");
  });

  test.each(["throws", "exits", "is terminated"])("all end with a code when it %s", async (how) => {
    const { thread, port } = await startEcho();
    thread.on("error", () => {});
    const connection = new MessagePortConnection(port, { deadlineMs: 50_000 });
    const sfu = connection.client<SfuService>(SfuServiceDefinition);
    await sfu.inspect({ roomId: "" });
    const code = (error: CodedError) => error.code;
    const unary = sfu.inspect({ roomId: "hang" }).catch(code);
    const stream = sfu.session(never)[Symbol.asyncIterator]().next().catch(code);
    const link = connection.openDuplex(RelayServiceDefinition, "link");
    const linkEnd = new Promise<string | undefined>((resolve) => (link.onEnd = (error) => resolve(error?.code)));
    link.write({ up: { $case: "subscribe", value: { trackId: "t", originNodeId: "" } } });
    if (how === "is terminated") await thread.terminate();
    else void sfu.inspect({ roomId: how }).catch(code);
    expect(await Promise.all([unary, stream, linkEnd])).toEqual(Array.from({ length: 3 }, () => "SFU_UNAVAILABLE"));
    expect(link.write({ up: { $case: "subscribe", value: { trackId: "t", originNodeId: "" } } })).toBe(false);
    await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "SFU_UNAVAILABLE" });
  });
});

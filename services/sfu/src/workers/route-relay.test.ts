import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { CodedError } from "@cation/service-kit/coded-error";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { describe, expect, it } from "vitest";
import { dialRelay } from "./route-relay.ts";
import { RelayDialDefinition } from "./worker-control.ts";

const subscribe = (trackId: string): LinkUp => ({ up: { $case: "subscribe", value: { trackId, originNodeId: "" } } });
const ended = (trackId: string): LinkDown => ({ down: { $case: "ended", value: { trackId } } });

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A worker's end of a dialled link, and the other node's. */
function setUp() {
  const dialled: string[] = [];
  const connecting = Promise.withResolvers<void>();
  const far = Promise.withResolvers<Duplex<LinkDown, LinkUp>>();
  const clock = new VirtualClock();
  const connect = async (nodeId: string): Promise<Duplex<LinkUp, LinkDown>> => {
    dialled.push(nodeId);
    await connecting.promise;
    return directDuplex(RelayServiceDefinition, "link", (duplex) => {
      duplex.onMessage = (message) => heard.push(message);
      duplex.onEnd = (error) => ends.push(error?.code);
      far.resolve(duplex);
    });
  };
  const heard: LinkUp[] = [];
  const ends: (string | undefined)[] = [];
  const near = directDuplex(RelayDialDefinition, "dial", (duplex) => dialRelay(duplex, connect, clock));
  return { clock, near, far: far.promise, connecting, dialled, heard, ends };
}

describe("a dialled link", () => {
  it("leads to the node that it names, with all that was said meanwhile", async () => {
    const { clock, near, far, connecting, dialled, heard } = setUp();
    const back: LinkDown[] = [];
    near.onMessage = (message) => back.push(message);
    near.write({ nodeId: "b" });
    near.write(subscribe("1"));
    await settle();
    expect(dialled).toEqual(["b"]);
    connecting.resolve();
    const peer = await far;
    peer.write(ended("1"));
    near.write(subscribe("2"));
    await settle();
    expect(heard).toEqual([subscribe("1"), subscribe("2")]);
    expect(back).toEqual([ended("1")]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("holds a fast side back while the other is slow, and loses nothing", async () => {
    const { near, far, connecting, heard } = setUp();
    near.write({ nodeId: "b" });
    connecting.resolve();
    const peer = await far;
    peer.pause();
    let sent = 0;
    let room = true;
    near.onDrain = () => (room = true);
    const send = async (): Promise<void> => {
      while (room && sent < 500) {
        room = near.write(subscribe(String(sent++)));
        await settle();
      }
    };
    await send();
    expect(sent).toBeLessThan(100);
    const held = sent;
    peer.resume();
    await settle();
    await send();
    expect(sent).toBe(500);
    expect(held).toBeGreaterThan(16);
    await settle();
    expect(heard.map(({ up }) => up?.$case === "subscribe" && up.value.trackId)).toEqual(
      Array.from({ length: 500 }, (_, i) => String(i)),
    );
  });

  it("ends as the node that cannot be reached says", async () => {
    const { near, connecting } = setUp();
    const end = new Promise<string | undefined>((resolve) => (near.onEnd = (error) => resolve(error?.code)));
    near.write({ nodeId: "b" });
    connecting.reject(new CodedError("NODE_NOT_FOUND"));
    expect(await end).toBe("NODE_NOT_FOUND");
  });

  it("is given up where the worker no longer wants it", async () => {
    const { near, far, connecting, ends } = setUp();
    near.write({ nodeId: "b" });
    await settle();
    near.abort();
    connecting.resolve();
    await far;
    await settle();
    expect(ends).toEqual(["CALL_CANCELLED"]);
  });

  it("ends when either side does", async () => {
    for (const side of ["near", "far"] as const) {
      const { near, far, connecting, ends } = setUp();
      const closed = new Promise<void>((resolve) => (near.onClose = resolve));
      near.write({ nodeId: "b" });
      connecting.resolve();
      const peer = await far;
      peer.onEnd = (error) => {
        ends.push(error?.code);
        peer.end();
      };
      if (side === "near") near.end();
      else peer.end();
      await closed;
      await settle();
      expect(ends).toEqual([undefined]);
    }
  });

  it("begins with its node", async () => {
    const { near } = setUp();
    const end = new Promise<string | undefined>((resolve) => (near.onEnd = (error) => resolve(error?.code)));
    near.write(subscribe("1"));
    expect(await end).toBe("REQUEST_ORDER");
  });
});

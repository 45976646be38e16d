import { afterEach, describe, expect, test } from "vitest";
import { CodedError } from "@cation/service-kit/coded-error";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { InspectResponse, SessionUp } from "@cation/proto/sfu/v1/sfu";
import type { SessionDown, SfuService } from "@cation/proto/sfu/v1/sfu";
import type { Duplex, ServeDuplex } from "./duplex.ts";

/** What a test serves. */
export interface RpcFixture {
  readonly sfu: SfuService;
  readonly serveLink: ServeDuplex<LinkDown, LinkUp>;
}

/** How a test reaches it. */
export interface RpcConnection {
  readonly sfu: SfuService;
  openLink(): Duplex<LinkUp, LinkDown>;
  /** What the server was told of exceptions without a code. */
  readonly internalErrors: unknown[];
  close(): Promise<void>;
}

/** Far beyond what any test needs. */
const DEADLINE_MS = 20_000;

/** Messages have this limit. */
export const CONTRACT_MAX_BYTES = 256 * 1024;

function up(roomId: string): SessionUp {
  return SessionUp.create({ up: { $case: "resume", value: { roomId } } });
}

function upText(message: SessionUp): string {
  return message.up?.$case === "resume" ? message.up.value.roomId : "";
}

function down(text: string): SessionDown {
  return { down: { $case: "message", value: { message: { $case: "response", value: response(text) } } } };
}

function response(text: string) {
  return { requestId: 1, result: { $case: "error" as const, value: { code: text, message: "", retryable: false } } };
}

function downText(message: SessionDown): string {
  if (message.down?.$case !== "message" || message.down.value.message?.$case !== "response") return "";
  const { result } = message.down.value.message.value;
  return result?.$case === "error" ? result.value.code : "";
}

function batch(bytes: number): LinkDown {
  return { down: { $case: "batch", value: { packets: Buffer.alloc(bytes, 7) } } };
}

function subscribe(trackId: string): LinkUp {
  return { up: { $case: "subscribe", value: { trackId, originNodeId: "" } } };
}

/** A promise that a test settles. */
function deferred<T = void>() {
  return Promise.withResolvers<T>();
}

const unusedSfu: SfuService = {
  session: () => (async function* () {})(),
  endSession: () => Promise.resolve({}),
  listRooms: () => Promise.resolve({ rooms: [] }),
  drain: () => Promise.resolve({ sessions: 0 }),
  inspect: () => Promise.resolve(InspectResponse.create()),
};

/** Every transport of the generated service interfaces passes this. */
export function rpcContract(connect: (fixture: RpcFixture, deadlineMs: number) => Promise<RpcConnection>): void {
  let connection: RpcConnection | undefined;
  async function open(
    sfu: Partial<SfuService>,
    serveLink: RpcFixture["serveLink"] = () => {},
    deadlineMs = DEADLINE_MS,
  ) {
    connection = await connect({ sfu: { ...unusedSfu, ...sfu }, serveLink }, deadlineMs);
    return connection;
  }
  afterEach(async () => {
    await connection?.close();
    connection = undefined;
  });

  describe("unary calls", () => {
    test("carry request and response", async () => {
      const { sfu } = await open({
        inspect: ({ roomId }) => Promise.resolve(InspectResponse.create({ nodeId: `n-${roomId}`, sessions: 3 })),
      });
      expect(await sfu.inspect({ roomId: "bücher-😀" })).toEqual(
        InspectResponse.create({ nodeId: "n-bücher-😀", sessions: 3 }),
      );
    });

    test("do not share memory with the other side", async () => {
      const answer = InspectResponse.create({ producers: [{ trackId: "a" }] });
      const { sfu } = await open({ inspect: () => Promise.resolve(answer) });
      const seen = await sfu.inspect({ roomId: "" });
      expect(seen).toEqual(answer);
      expect(seen.producers[0]).not.toBe(answer.producers[0]);
    });

    test("reject with the error's code, message and retryability, without its cause", async () => {
      const { sfu, internalErrors } = await open({
        inspect: () => Promise.reject(new CodedError("ROOM_FULL", "Room é is full.", { cause: new Error("secret") })),
      });
      const error = await sfu.inspect({ roomId: "" }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CodedError);
      expect(error).toMatchObject({ code: "ROOM_FULL", message: "Room é is full.", retryable: true });
      expect((error as CodedError).cause).toBeUndefined();
      expect(internalErrors).toEqual([]);
    });

    test("turn an exception into INTERNAL and tell the server, not the client, what it was", async () => {
      const defect = new TypeError("secret");
      const { sfu, internalErrors } = await open({
        inspect: () => {
          throw defect;
        },
      });
      const error = await sfu.inspect({ roomId: "" }).catch((thrown: unknown) => thrown as CodedError);
      expect(error).toMatchObject({ code: "INTERNAL" });
      expect(String(error)).not.toContain("secret");
      expect(internalErrors).toEqual([defect]);
    });

    test("end with DEADLINE_EXCEEDED when nobody answers", async () => {
      const { sfu } = await open({ inspect: () => new Promise(() => {}) }, () => {}, 200);
      await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", retryable: true });
    });

    test("refuse messages past the limit, both ways", async () => {
      const { sfu } = await open({
        inspect: () => Promise.resolve(InspectResponse.create({ nodeId: "x".repeat(CONTRACT_MAX_BYTES) })),
      });
      await expect(sfu.inspect({ roomId: "x".repeat(CONTRACT_MAX_BYTES) })).rejects.toMatchObject({
        code: "MESSAGE_TOO_LARGE",
      });
      await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    });

    test("refuse what does not fit its type", async () => {
      const { sfu } = await open({
        inspect: () => Promise.resolve({ ...InspectResponse.create(), sessions: -1.5 }),
      });
      await expect(sfu.inspect({ roomId: 7 as unknown as string })).rejects.toMatchObject({
        code: "MESSAGE_MALFORMED",
      });
      await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
    });

    test("say when the server does not know the method", async () => {
      const { sfu } = await open({ inspect: undefined as unknown as SfuService["inspect"] });
      await expect(sfu.inspect({ roomId: "" })).rejects.toMatchObject({ code: "MESSAGE_UNKNOWN" });
    });

    test("run beside each other", async () => {
      const { sfu } = await open({
        inspect: ({ roomId }) => Promise.resolve(InspectResponse.create({ nodeId: roomId })),
      });
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => sfu.inspect({ roomId: `r${i}` })));
      expect(answers.map((answer) => answer.nodeId)).toEqual(Array.from({ length: 200 }, (_, i) => `r${i}`));
    });
  });

  describe("streams of iterables", () => {
    test("carry messages in order both ways and end when both are done", async () => {
      const { sfu } = await open({
        session: async function* (requests) {
          yield down("hello");
          for await (const request of requests) yield down(`echo ${upText(request)}`);
          yield down("bye");
        },
      });
      const seen: string[] = [];
      for await (const message of sfu.session(iterate([up("a"), up("b")]))) seen.push(downText(message));
      expect(seen).toEqual(["hello", "echo a", "echo b", "bye"]);
    });

    test("throw the server's error to the reader, after what was sent before it", async () => {
      const { sfu, internalErrors } = await open({
        session: async function* () {
          yield down("first");
          await Promise.resolve();
          throw new CodedError("SESSION_NOT_FOUND", "No session s1.");
        },
      });
      const seen: string[] = [];
      const reading = (async () => {
        for await (const message of sfu.session(never())) seen.push(downText(message));
      })();
      await expect(reading).rejects.toMatchObject({ code: "SESSION_NOT_FOUND", message: "No session s1." });
      expect(seen).toEqual(["first"]);
      expect(internalErrors).toEqual([]);
    });

    test("hide an exception without a code", async () => {
      const defect = new Error("secret");
      const { sfu, internalErrors } = await open({
        session: () => {
          throw defect;
        },
      });
      const error = await first(sfu.session(never())).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "INTERNAL" });
      expect(String(error)).not.toContain("secret");
      expect(internalErrors).toEqual([defect]);
    });

    test("cancel when the reader leaves: the server's requests end and its responses are released", async () => {
      const inputEnded = deferred();
      const released = deferred();
      const { sfu } = await open({
        session: async function* (requests) {
          try {
            yield down("ready");
            for await (const _ of requests) yield down("more");
            inputEnded.resolve();
          } finally {
            released.resolve();
          }
        },
      });
      const source = releasableNever<SessionUp>();
      for await (const message of sfu.session(source.iterable)) {
        expect(downText(message)).toBe("ready");
        break;
      }
      await inputEnded.promise;
      await released.promise;
      await source.released;
    });

    test("release the requests when the server ends first", async () => {
      const { sfu } = await open({
        session: async function* () {
          yield down("only");
        },
      });
      const source = releasableNever<SessionUp>();
      const seen: string[] = [];
      for await (const message of sfu.session(source.iterable)) seen.push(downText(message));
      expect(seen).toEqual(["only"]);
      await source.released;
    });

    test("end the call when the requests throw", async () => {
      const inputEnded = deferred();
      const { sfu } = await open({
        session: async function* (requests) {
          yield down("ready");
          for await (const _ of requests);
          inputEnded.resolve();
        },
      });
      const ready = deferred();
      const failing = (async function* () {
        yield up("a");
        await ready.promise;
        throw new CodedError("RATE_LIMITED");
      })();
      const reading = (async () => {
        for await (const _ of sfu.session(failing)) ready.resolve();
      })();
      await expect(reading).rejects.toMatchObject({ code: "RATE_LIMITED" });
      await inputEnded.promise;
    });

    test("hold a fast server back for a slow reader", async () => {
      let produced = 0;
      const text = "x".repeat(16 * 1024);
      const { sfu } = await open({
        session: async function* () {
          for (; produced < 800; produced += 1) yield down(text);
        },
      });
      const iterator = sfu.session(never())[Symbol.asyncIterator]();
      await iterator.next();
      await settle();
      const held = produced;
      expect(held).toBeLessThan(400);
      await settle();
      expect(produced).toBe(held);
      for (let i = 1; i < 800; i += 1) expect((await iterator.next()).done).toBe(false);
      expect((await iterator.next()).done).toBe(true);
    });

    test("hold a fast client back for a slow server", async () => {
      let sent = 0;
      const gate = deferred();
      let taken = 0;
      const { sfu } = await open({
        session: async function* (requests) {
          yield down("ready");
          await gate.promise;
          for await (const _ of requests) taken += 1;
          yield down("done");
        },
      });
      const text = "x".repeat(16 * 1024);
      const source = (async function* () {
        for (; sent < 800; sent += 1) yield up(text);
      })();
      const iterator = sfu.session(source)[Symbol.asyncIterator]();
      await iterator.next();
      await settle();
      expect(sent).toBeLessThan(400);
      gate.resolve();
      expect(downText((await iterator.next()).value as SessionDown)).toBe("done");
      expect(taken).toBe(800);
      await iterator.return?.();
    });

    test("refuse a malformed message with its code and release both sides", async () => {
      const inputEnded = deferred();
      const { sfu } = await open({
        session: async function* (requests) {
          yield down("ready");
          for await (const _ of requests);
          inputEnded.resolve();
        },
      });
      const ready = deferred();
      const bad = (async function* () {
        await ready.promise;
        yield { up: { $case: "resume", value: { roomId: 3 } } } as unknown as SessionUp;
      })();
      const reading = (async () => {
        for await (const _ of sfu.session(bad)) ready.resolve();
      })();
      await expect(reading).rejects.toMatchObject({ code: "MESSAGE_MALFORMED" });
      await inputEnded.promise;
    });
  });

  describe("duplexes", () => {
    test("carry messages both ways; each end is told once that it is over", async () => {
      const server: string[] = [];
      const serverClosed = deferred();
      const { openLink } = await open({}, (duplex) => {
        duplex.onMessage = (message) => {
          server.push(message.up?.$case === "subscribe" ? message.up.value.trackId : "?");
          duplex.write(batch(100));
        };
        duplex.onEnd = (error) => {
          server.push(`end ${error?.code}`);
          duplex.write(batch(200));
          duplex.end();
        };
        duplex.onClose = () => {
          server.push("close");
          serverClosed.resolve();
        };
      });
      const link = openLink();
      const client: string[] = [];
      const clientClosed = deferred();
      link.onMessage = (message) => {
        client.push(message.down?.$case === "batch" ? `${message.down.value.packets.length}` : "?");
        if (client.length === 2) link.end();
      };
      link.onEnd = (error) => client.push(`end ${error?.code}`);
      link.onClose = () => {
        client.push("close");
        clientClosed.resolve();
      };
      expect(link.write(subscribe("a"))).toBe(true);
      expect(link.write(subscribe("b"))).toBe(true);
      await Promise.all([clientClosed.promise, serverClosed.promise]);
      expect(server).toEqual(["a", "b", "end undefined", "close"]);
      expect(client).toEqual(["100", "100", "200", "end undefined", "close"]);
      expect(link.write(subscribe("c"))).toBe(false);
      link.abort();
      link.end();
    });

    test("tell the server of a client that aborts", async () => {
      const server: string[] = [];
      const serverClosed = deferred();
      const started = deferred();
      const { openLink } = await open({}, (duplex) => {
        duplex.onMessage = () => started.resolve();
        duplex.onEnd = (error) => server.push(`end ${error?.code}`);
        duplex.onClose = () => {
          server.push("close");
          serverClosed.resolve();
        };
      });
      const link = openLink();
      const clientEnd = deferred<CodedError | undefined>();
      link.onEnd = (error) => clientEnd.resolve(error);
      link.write(subscribe("a"));
      await started.promise;
      link.abort();
      await serverClosed.promise;
      expect(server).toEqual(["end CALL_CANCELLED", "close"]);
      expect(await clientEnd.promise).toMatchObject({ code: "CALL_CANCELLED" });
    });

    test("tell the client of a server that aborts", async () => {
      const { openLink } = await open({}, (duplex) => {
        duplex.onMessage = () => duplex.abort(new CodedError("TRACK_NOT_FOUND", "No track a."));
      });
      const link = openLink();
      const end = deferred<CodedError | undefined>();
      link.onEnd = (error) => end.resolve(error);
      link.write(subscribe("a"));
      expect(await end.promise).toMatchObject({ code: "TRACK_NOT_FOUND", message: "No track a." });
    });

    test("say when to hold back and when to go on", async () => {
      const drained = deferred();
      const heldBack = deferred<number>();
      let sent = 0;
      const { openLink } = await open({}, (duplex) => {
        duplex.onDrain = () => drained.resolve();
        duplex.onMessage = () => {
          let room = true;
          while (room && sent < 800) {
            room = duplex.write(batch(16 * 1024));
            sent += 1;
          }
          heldBack.resolve(sent);
        };
      });
      const link = openLink();
      let received = 0;
      link.onMessage = () => (received += 1);
      link.pause();
      link.write(subscribe("a"));
      expect(await heldBack.promise).toBeLessThan(400);
      await settle();
      expect(received).toBe(0);
      link.resume();
      await drained.promise;
      await waitUntil(() => received === sent);
      link.abort();
    });

    test("end with STREAM_OVERFLOW rather than grow without bound", async () => {
      const ended = deferred<CodedError | undefined>();
      let written = 0;
      const { openLink } = await open({}, (duplex) => {
        duplex.onEnd = (error) => ended.resolve(error);
        duplex.onMessage = () => {
          for (; written < 8_000; written += 1) duplex.write(batch(1024));
        };
      });
      const link = openLink();
      const clientEnd = deferred<CodedError | undefined>();
      link.onEnd = (error) => clientEnd.resolve(error);
      link.pause();
      link.write(subscribe("a"));
      await waitUntil(() => written === 8_000);
      link.resume();
      expect(await ended.promise).toMatchObject({ code: "STREAM_OVERFLOW" });
      expect(await clientEnd.promise).toMatchObject({ code: "STREAM_OVERFLOW" });
    });
  });
}

async function* iterate<T>(values: T[]): AsyncGenerator<T> {
  yield* values;
}

function never<T>(): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
}

/** Requests that never come, and that say when they are released. */
function releasableNever<T>() {
  const { promise, resolve } = deferred();
  const iterator: AsyncIterator<T> = {
    next: () => new Promise(() => {}),
    return: () => {
      resolve();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { iterable: { [Symbol.asyncIterator]: () => iterator }, released: promise };
}

async function first<T>(messages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of messages) return message;
  return undefined;
}

/** Lets everything under way come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

import { ClientMessage, ServerMessage } from "@cation/proto/client/v1/client";
import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseCodec } from "./client-codec.ts";
import type { ClientCodec } from "./client-codec.ts";
import type { ClientRequest } from "./client-request.ts";

const json = chooseCodec(["cation.v1.json"]) as ClientCodec;
const proto = chooseCodec(["cation.v1.proto"]) as ClientCodec;

const id = fc.string({ minLength: 1, maxLength: 128, unit: "grapheme-ascii" });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const encoding = fc.record({
  rid: fc.constantFrom("", "q", "h", "f"),
  width: uint32,
  height: uint32,
  maxBitrateBps: uint32,
  spatialLayers: uint32,
  temporalLayers: uint32,
});
const track = fc.record({
  mid: fc.stringMatching(/^[a-z0-9]{1,8}$/),
  source: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
  name: fc.string({ maxLength: 20 }),
  muted: fc.boolean(),
  encodings: fc.array(encoding, { maxLength: 3 }),
  trackId: fc.string({ maxLength: 20 }),
});
const request: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc
    .record({
      token: fc.string(),
      region: fc.string({ maxLength: 64 }),
      nodeId: fc.string({ maxLength: 99 }),
      autoSubscribe: fc.boolean(),
    })
    .map((value) => ({ $case: "join" as const, value })),
  fc
    .record({
      token: fc.string(),
      sessionToken: fc.string(),
      lastEventSequence: fc.maxSafeNat(),
      move: fc.constantFrom(0 as const, 1 as const, 2 as const),
      autoSubscribe: fc.boolean(),
      region: fc.string({ maxLength: 64 }),
    })
    .map((value) => ({ $case: "resume" as const, value })),
  fc
    .record({
      sdp: fc.string({ unit: "grapheme" }),
      tracks: fc.uniqueArray(track, { maxLength: 4, selector: ({ mid }) => mid }),
    })
    .map((value) => ({ $case: "publisherOffer" as const, value })),
  fc.record({ offerId: uint32, sdp: fc.string() }).map((value) => ({ $case: "subscriberAnswer" as const, value })),
  fc
    .record({
      trackId: id,
      subscribed: fc.boolean(),
      paused: fc.boolean(),
      maxSpatialId: fc.option(uint32, { nil: undefined }),
      maxTemporalId: fc.option(uint32, { nil: undefined }),
    })
    .map((value) => ({ $case: "setSubscription" as const, value })),
  fc
    .record({ after: fc.string({ maxLength: 99 }), limit: fc.integer({ min: 0, max: 200 }) })
    .map((value) => ({ $case: "getRoster" as const, value })),
  fc
    .constantFrom("restartSubscriber" as const, "leave" as const, "ping" as const)
    .map(($case) => ({ $case, value: {} })),
);
const message = fc.record({ requestId: fc.integer({ min: 1, max: 0xffff_ffff }), request });

/** As in the .proto file, which JSON may use, too. */
function toSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toSnakeCase);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, field]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    toSnakeCase(field),
  ]);
  return Object.fromEntries(entries) as unknown;
}

test("every request survives both forms, JSON with either spelling", () => {
  fc.assert(
    fc.property(message, (sent) => {
      const expected = { ok: true, ...sent };
      const asJson = ClientMessage.toJSON(sent);
      expect(proto.decode(Buffer.from(ClientMessage.encode(sent).finish()), true)).toEqual(expected);
      expect(json.decode(Buffer.from(JSON.stringify(asJson)), false)).toEqual(expected);
      expect(json.decode(Buffer.from(JSON.stringify(toSnakeCase(asJson))), false)).toEqual(expected);
    }),
  );
});

test("no input throws: bytes, text, any JSON, damaged messages", () => {
  const damaged = fc.tuple(message, fc.nat(), fc.nat(255)).map(([sent, at, byte]) => {
    const bytes = ClientMessage.encode(sent).finish();
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      expect([true, false]).toContain(proto.decode(Buffer.from(bytes), true).ok);
      expect([true, false]).toContain(json.decode(Buffer.from(bytes), false).ok);
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.json().map((value) => `{"requestId":1,"join":${value}}`),
      ),
      (text) => {
        expect([true, false]).toContain(json.decode(Buffer.from(text), false).ok);
      },
    ),
  );
});

test("server messages in both forms", () => {
  const sent = ServerMessage.create({
    message: { $case: "response", value: { requestId: 3, result: { $case: "done", value: {} } } },
  });
  expect(json.encode(sent)).toBe('{"response":{"requestId":3,"done":{}}}');
  expect(ServerMessage.decode(proto.encode(sent) as Uint8Array)).toEqual(sent);
});

test("the first offered form that is known is spoken", () => {
  expect(chooseCodec(["x", "cation.v1.proto", "cation.v1.json"])?.subProtocol).toBe("cation.v1.proto");
  expect(chooseCodec(["cation.v2.json"])).toBeUndefined();
});

import { ClientMessage } from "@cation/proto/client/v1/client";
import { chooseCodec } from "@cation/signal/client-codec";
import type { ClientCodec, DecodedMessage } from "@cation/signal/client-codec";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";

const MESSAGES: readonly Parameters<typeof ClientMessage.create>[0][] = [
  { requestId: 1, request: { $case: "join", value: { token: "a.b.c", region: "eu", autoSubscribe: true } } },
  {
    requestId: 2,
    request: { $case: "resume", value: { sessionToken: "a.b.c", token: "d", lastEventSequence: 70_000 } },
  },
  {
    requestId: 3,
    request: {
      $case: "publisherOffer",
      value: { sdp: "v=0\r\n", tracks: [{ mid: "0", source: 1, name: "cam", encodings: [{ rid: "q", width: 320 }] }] },
    },
  },
  { requestId: 4, request: { $case: "setSubscription", value: { trackId: "t", subscribed: true, maxSpatialId: 1 } } },
  { requestId: 5, request: { $case: "getRoster", value: { after: "p1", limit: 50 } } },
  { requestId: 6, request: { $case: "ping", value: {} } },
];

/** Client messages in text frames. */
export function clientJson(): FuzzTarget {
  return createTarget("client-json", "cation.v1.json", false, (message) =>
    new TextEncoder().encode(JSON.stringify(ClientMessage.toJSON(message))),
  );
}

/** Client messages in binary frames. */
export function clientProto(): FuzzTarget {
  return createTarget("client-proto", "cation.v1.proto", true, (message) => ClientMessage.encode(message).finish());
}

function createTarget(
  name: string,
  subProtocol: string,
  isBinary: boolean,
  encode: (message: ClientMessage) => Uint8Array,
): FuzzTarget {
  const codec = chooseCodec([subProtocol]) as ClientCodec;
  const digest = new Digest();
  const decode = (bytes: Uint8Array): DecodedMessage =>
    codec.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isBinary);
  return {
    name,
    seeds: MESSAGES.map((message) => encode(ClientMessage.create(message ?? {}))),
    read(bytes, offset, length) {
      const decoded = decode(bytes.subarray(offset, offset + length));
      if (!decoded.ok) return REFUSED;
      const { requestId, request } = decoded;
      const text = JSON.stringify(request);
      // What was accepted must say the same when it is passed on.
      const again = decode(encode({ requestId, request }));
      if (!again.ok || JSON.stringify(again.request) !== text) throw new Error("changed by being passed on");
      digest.start(offset, offset + length);
      digest.number(requestId);
      for (let index = 0; index < text.length; index += 1) digest.number(text.charCodeAt(index));
      return digest.value;
    },
  };
}

import websocket from "@fastify/websocket";
import { CodedError } from "@cation/service-kit/coded-error";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { chooseCodec, MAX_MESSAGE_BYTES } from "./client-codec.ts";
import type { ClientCodec } from "./client-codec.ts";

/** A frame beyond it is not even read: the WebSocket layer closes with 1009. */
const MAX_FRAME_BYTES = 2 * MAX_MESSAGE_BYTES;

export interface RtcRouteOptions {
  /** Origins that may connect, or "*". Requests without an origin do not come from a page. */
  readonly allowedOrigins: readonly string[];
  /** Why nobody is let in now, or undefined. */
  readonly refusal: () => CodedError | undefined;
  readonly onRefused: (error: CodedError) => void;
  readonly onConnection: (socket: WebSocket, codec: ClientCodec) => void;
}

/** Adds the WebSocket at /rtc. What is refused is refused before the upgrade, as an HTTP answer. */
export async function addRtcRoute(app: FastifyInstance, options: RtcRouteOptions): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      handleProtocols: (offered: Set<string>, _request: IncomingMessage) => chooseCodec(offered)?.subProtocol ?? false,
    },
    // The WebSocket layer closes with the fitting code by itself; the default handler would cut it short.
    errorHandler: () => undefined,
    preClose: (done: () => void) => done(),
  });
  app.get(
    "/rtc",
    {
      websocket: true,
      preValidation: (request, _reply, done) => {
        const error = options.refusal() ?? findHandshakeProblem(request, options.allowedOrigins);
        if (error) options.onRefused(error);
        done(error);
      },
    },
    (socket) => {
      const codec = chooseCodec([socket.protocol]);
      if (codec) options.onConnection(socket, codec);
      else socket.terminate();
    },
  );
}

function findHandshakeProblem(request: FastifyRequest, allowedOrigins: readonly string[]): CodedError | undefined {
  if (!request.ws) return new CodedError("MESSAGE_MALFORMED", "This is the address of a WebSocket.");
  const { origin } = request.headers;
  if (origin !== undefined && !allowedOrigins.includes("*") && !allowedOrigins.includes(origin)) {
    return new CodedError("PERMISSION_DENIED", "Pages of this origin may not connect here.");
  }
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (chooseCodec(offered)) return undefined;
  return new CodedError("MESSAGE_UNKNOWN", "Offer the sub-protocol cation.v1.json or cation.v1.proto.");
}

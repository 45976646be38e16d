import { CodedError } from "@cation/service-kit/coded-error";
import type { Clock } from "@cation/service-kit/clock";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import Value from "typebox/value";
import type { ApiKey } from "./signal-config.ts";
import { NAME_PATTERN, SOURCE_NAMES } from "./token-claims.ts";
import { mintToken } from "./token-minter.ts";

const LIFETIME_MS = 6 * 3_600_000;

const bodySchema = Type.Object({
  room: Type.String({ pattern: NAME_PATTERN }),
  identity: Type.String({ pattern: NAME_PATTERN }),
  name: Type.Optional(Type.String({ maxLength: 256 })),
});

/**
 * Adds `POST /dev/token {room, identity, name?}` → `{token, expiresAtMs}`: a token with every grant, for whoever asks.
 * Development mode only. Pages of other origins may ask when they run on this machine (the web app's own dev server).
 */
export function addDevTokenRoute(app: FastifyInstance, apiKey: ApiKey, clock: Clock): void {
  app.options("/dev/token", (request, reply) => {
    allowLocalOrigin(request, reply);
    return reply.code(204).send();
  });
  app.post("/dev/token", async (request, reply) => {
    allowLocalOrigin(request, reply);
    const { body } = request;
    if (!Value.Check(bodySchema, body)) {
      const message = "Send {room, identity, name?}: room and identity have 1 to 128 characters, the name at most 256.";
      throw new CodedError("MESSAGE_MALFORMED", message);
    }
    const token = await mintToken(
      apiKey,
      {
        roomId: body.room,
        identity: body.identity,
        ...(body.name === undefined ? {} : { name: body.name }),
        grants: { publish: SOURCE_NAMES, subscribe: true, administer: true },
        lifetimeMs: LIFETIME_MS,
      },
      clock,
    );
    return { token, expiresAtMs: clock.nowMs() + LIFETIME_MS };
  });
}

function allowLocalOrigin(request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers;
  if (origin === undefined || !/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)) return;
  void reply.headers({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    vary: "origin",
  });
}

import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import { fastify } from "fastify";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Static, TSchema } from "typebox";
import Value from "typebox/value";
import type { BotFleet } from "./bot-fleet.ts";
import type { ProcessHealthWatch } from "./process-health-watch.ts";

const MAX_COUNT = 5_000;
const MAX_PAGE = 20_000;

const publishSchema = Type.Object({
  audio: Type.Boolean(),
  video: Type.Union([
    Type.Boolean(),
    Type.Object({
      bitrateBps: Type.Integer({ minimum: 0, maximum: 20_000_000 }),
      simulcast: Type.Boolean(),
    }),
  ]),
});

const orderSchema = Type.Object({
  count: Type.Integer({ minimum: 1, maximum: MAX_COUNT }),
  room: Type.String({ minLength: 1 }),
  identity: Type.String({ minLength: 1 }),
  urls: Type.Array(Type.String({ pattern: "^(ws|http)s?://" }), { minItems: 1 }),
  tokens: Type.Optional(Type.Array(Type.String())),
  region: Type.Optional(Type.String()),
  nodeId: Type.Optional(Type.String()),
  publish: Type.Optional(publishSchema),
  tiles: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  group: Type.Optional(Type.String()),
  spreadMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
});

const choiceFields = {
  ids: Type.Optional(Type.Array(Type.Integer())),
  group: Type.Optional(Type.String()),
  count: Type.Optional(Type.Integer({ minimum: 0 })),
};
const removalSchema = Type.Object({
  ...choiceFields,
  how: Type.Optional(Type.Union([Type.Literal("leave"), Type.Literal("vanish")])),
});
const pageSchema = Type.Object({ after: Type.Integer({ minimum: 0 }), limit: Type.Integer({ minimum: 1 }) });
const gapsSchema = Type.Object({ fromMs: Type.Number(), toMs: Type.Number(), group: Type.Optional(Type.String()) });

/**
 * The bots' HTTP control, by which k6 and others drive them (docs/load.md):
 *
 * - `GET /health`: bots and the process' own CPU and event-loop delay; `POST /health/reset` forgets earlier saturation.
 * - `POST /bots`: a BotsOrder → `{ids}`; the joins go on after the answer.
 * - `POST /bots/remove`: `{ids?, group?, count?, how?: "leave" | "vanish"}` → `{removed}`.
 * - `GET /bots?group=`: a full report of each.
 * - `GET /samples?after=CURSOR&limit=N`: what happened since, and the next cursor.
 * - `GET /gaps?fromMs=&toMs=&group=`: the longest time each bot was without a new frame of each source.
 *
 * Not for other machines' eyes: it has no authentication, so bind it to loopback or a private network.
 */
export function createBotControl(fleet: BotFleet, health: ProcessHealthWatch): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 8 * 1024 * 1024 });
  app.setErrorHandler((error, _request, reply) => {
    const { code, message, httpStatus } = toCodedError(error);
    return reply.code(httpStatus).send({ code, message });
  });
  app.get("/health", () => ({ status: "ok", bots: fleet.size, ...health.read() }));
  app.post("/health/reset", () => {
    health.reset();
    return { status: "ok" };
  });
  app.post("/bots", (request, reply) => reply.code(202).send({ ids: fleet.create(check(orderSchema, request.body)) }));
  app.post("/bots/remove", async (request) => {
    const { how = "leave", ...choice } = check(removalSchema, request.body ?? {});
    return { removed: await fleet.remove(choice, how) };
  });
  app.get("/bots", (request) => {
    const { group } = request.query as { group?: string };
    return { bots: fleet.reports(group === undefined ? {} : { group }) };
  });
  app.get("/samples", (request) => {
    const { after = "0", limit = String(MAX_PAGE) } = request.query as { after?: string; limit?: string };
    const page = check(pageSchema, { after: Number(after), limit: Math.min(Number(limit), MAX_PAGE) });
    return fleet.samples(page.after, page.limit);
  });
  app.get("/gaps", (request) => {
    const { fromMs, toMs, ...rest } = request.query as { fromMs?: string; toMs?: string; group?: string };
    const { group, ...window } = check(gapsSchema, { fromMs: Number(fromMs), toMs: Number(toMs), ...rest });
    return { gaps: fleet.gaps(window.fromMs, window.toMs, group === undefined ? {} : { group }) };
  });
  return app;
}

/** The value, or a refusal that names what is wrong with it. */
function check<T extends TSchema>(schema: T, value: unknown): Static<T> {
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw new CodedError(
    "MESSAGE_MALFORMED",
    `${first?.instancePath ?? ""} ${first?.message ?? "is not allowed"}`.trim(),
  );
}

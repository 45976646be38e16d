import { createHash, timingSafeEqual } from "node:crypto";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Static } from "typebox";
import {
  drainedSchema,
  nodeParamsSchema,
  nodeSchema,
  participantParamsSchema,
  roomDetailSchema,
  roomParamsSchema,
  roomSchema,
} from "./admin-schemas.ts";
import type { ClusterView } from "./cluster-view.ts";

export interface AdminApiOptions {
  /** Whoever has it may do everything below. */
  readonly token: string;
  readonly view: ClusterView;
  readonly logger: Logger;
}

const PREFIX = "/admin/api";

/**
 * Adds the admin API (docs/admin.md), for those who send `Authorization: Bearer <admin token>`:
 *
 * - `GET /admin/api/nodes`, `GET /admin/api/rooms`, `GET /admin/api/rooms/:roomId`
 * - `POST /admin/api/nodes/:nodeId/drain`
 * - `DELETE /admin/api/rooms/:roomId/participants/:participantId`
 *
 * Errors: TOKEN_MISSING, TOKEN_INVALID, MESSAGE_MALFORMED, …_NOT_FOUND, …_UNAVAILABLE.
 */
export function addAdminApi(app: FastifyInstance, { token, view, logger }: AdminApiOptions): void {
  const expected = digest(token);
  void app.register(
    (api, _options, done) => {
      api.addHook("onRequest", (request, reply, next) => {
        void reply.header("cache-control", "no-store");
        next(findRefusal(request, expected));
      });
      api.get("/nodes", { schema: answers(Type.Array(nodeSchema)) }, () => view.listNodes());
      api.get("/rooms", { schema: answers(Type.Array(roomSchema)) }, () => view.listRooms());
      api.get("/rooms/:roomId", { schema: { params: roomParamsSchema, ...answers(roomDetailSchema) } }, (request) =>
        view.readRoom((request.params as Static<typeof roomParamsSchema>).roomId),
      );
      api.post(
        "/nodes/:nodeId/drain",
        { schema: { params: nodeParamsSchema, ...answers(drainedSchema) } },
        (request) => {
          const { nodeId } = request.params as Static<typeof nodeParamsSchema>;
          logger.info({ nodeId }, "an operator drains a node");
          return view.drainNode(nodeId);
        },
      );
      api.delete(
        "/rooms/:roomId/participants/:participantId",
        { schema: { params: participantParamsSchema } },
        async (request, reply) => {
          const { roomId, participantId } = request.params as Static<typeof participantParamsSchema>;
          logger.info({ roomId, participantId }, "an operator removes a participant");
          await view.removeParticipant(roomId, participantId);
          return reply.code(204).send();
        },
      );
      done();
    },
    { prefix: PREFIX },
  );
}

function answers<T>(schema: T): { readonly response: { readonly 200: T } } {
  return { response: { 200: schema } };
}

function findRefusal({ headers }: FastifyRequest, expected: Buffer): CodedError | undefined {
  const [, token] = /^Bearer (.+)$/i.exec(headers.authorization ?? "") ?? [];
  if (token === undefined) return new CodedError("TOKEN_MISSING", "Send the admin token: Authorization: Bearer …");
  if (timingSafeEqual(digest(token), expected)) return undefined;
  return new CodedError("TOKEN_INVALID", "This is not the admin token.");
}

/** Of one length, whatever the token: comparing tells nothing. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

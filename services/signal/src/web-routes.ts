import fastifyStatic from "@fastify/static";
import { CodedError, toCodedError, toProtoError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { FastifyInstance } from "fastify";

/** PrimeVue puts its styles into the page, hence 'unsafe-inline' for them; scripts come from our files alone. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' data: blob:",
  "media-src 'self' blob: mediastream:",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self)",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-opener-policy": "same-origin",
};

/** Vite names the files below assets/ after their contents. */
const HASHED_FILE = /[/\\]assets[/\\]/;

/** Adds the headers that every answer has, and errors as `{code, message, retryable}`. */
export function addHttpRules(app: FastifyInstance, logger: Logger): void {
  app.addHook("onSend", (_request, reply, payload, done) => {
    void reply.headers(SECURITY_HEADERS);
    done(null, payload);
  });
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const error = isClientFault(thrown) ? new CodedError("MESSAGE_MALFORMED") : toCodedError(thrown);
    if (error.code === "INTERNAL") logger.error({ err: error, route: request.routeOptions.url }, "HTTP request failed");
    return reply.code(error.httpStatus).send(toProtoError(error));
  });
}

/** Adds the web app: its files, and its page for every other path that a browser opens. */
export async function addWebApp(app: FastifyInstance, webRoot: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    setHeaders(response, path) {
      void response.header(
        "cache-control",
        HASHED_FILE.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
      );
    },
  });
  app.setNotFoundHandler((request, reply) => {
    const isPage = request.method === "GET" && (request.headers.accept ?? "").includes("text/html");
    if (isPage) return reply.sendFile("index.html");
    return reply.code(404).send({ code: "MESSAGE_UNKNOWN", message: "There is nothing here.", retryable: false });
  });
}

/** What Fastify itself refuses: a body that is no JSON, too large, of another type. */
function isClientFault(thrown: unknown): boolean {
  const status: unknown = Reflect.get(Object(thrown), "statusCode");
  return typeof status === "number" && status >= 400 && status < 500;
}

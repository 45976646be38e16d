/** Keys whose values are never logged. */
const SECRET_KEYS = new Set([
  "token",
  "sessiontoken",
  "jwt",
  "secret",
  "apisecret",
  "password",
  "credential",
  "authorization",
  "cookie",
  "icepwd",
  "privatekey",
]);

/** Keys whose values tell who somebody is, or what an SDP says: logged at debug level and below only. */
const PERSONAL_KEYS = new Set([
  "name",
  "identity",
  "metadata",
  "sdp",
  "offer",
  "answer",
  "candidate",
  "address",
  "remoteaddress",
  "remote",
  "ip",
  "useragent",
]);

const JWT_PATTERN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const MAX_DEPTH = 6;
const HIDDEN = "[hidden]";

/**
 * A copy of a log entry's fields with what must not be logged replaced. Text that looks like a JWT is replaced wherever
 * it stands. Errors become { type, code, message, stack, cause }.
 *
 * @param personal whether personal fields may stay (debug level and below).
 */
export function redact(value: unknown, personal: boolean): unknown {
  return redactAt(value, personal, 0);
}

function redactAt(value: unknown, personal: boolean, depth: number): unknown {
  if (typeof value === "string") return value.includes("eyJ") ? value.replace(JWT_PATTERN, "[token]") : value;
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? value.toString() : value;
  if (depth >= MAX_DEPTH) return "[deep]";
  if (value instanceof Error) return redactError(value, personal, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redactAt(item, personal, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    copy[key] = isHidden(key, personal) && isSet(field) ? HIDDEN : redactAt(field, personal, depth + 1);
  }
  return copy;
}

function redactError(error: Error, personal: boolean, depth: number): Record<string, unknown> {
  const code: unknown = Reflect.get(error, "code");
  return {
    type: error.name,
    ...(code === undefined ? {} : { code: redactAt(code, personal, depth + 1) }),
    message: redactAt(error.message, personal, depth + 1),
    stack: redactAt(error.stack, personal, depth + 1),
    ...(error.cause === undefined ? {} : { cause: redactAt(error.cause, personal, depth + 1) }),
  };
}

function isHidden(key: string, personal: boolean): boolean {
  const plain = key.toLowerCase().replaceAll(/[-_]/g, "");
  return SECRET_KEYS.has(plain) || (!personal && PERSONAL_KEYS.has(plain));
}

function isSet(field: unknown): boolean {
  return field !== undefined && field !== null && field !== "";
}

import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import type { LoggerOptions } from "./logger.ts";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoieCJ9.c2lnbmF0dXJl";

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger({ service: "signal", level: "debug", destination, ...options }) };
}

test("tokens and secrets are never written, persons and SDP at debug level only", () => {
  const { lines, logger } = capture();
  const fields = {
    token: JWT,
    nested: [{ session_token: JWT, sdp: "v=0", identity: "ada", apiSecret: "s3cret" }],
    url: `wss://host/rtc?token=${JWT}`,
    err: new Error(`bad ${JWT}`, { cause: new Error("remote said no") }),
    roomId: "blue-whale",
    identity: "ada",
  };
  logger.info(fields, "joined");
  logger.debug(fields, "joined");
  expect(lines.join("")).not.toContain("eyJ");
  expect(lines.join("")).not.toContain("s3cret");
  expect(lines[0]).not.toMatch(/ada|v=0/);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: "info",
    service: "signal",
    msg: "joined",
    roomId: "blue-whale",
    token: "[hidden]",
    err: { message: "bad [token]", cause: { message: "remote said no" } },
  });
  expect(JSON.parse(lines[1]!)).toMatchObject({ identity: "ada", nested: [{ sdp: "v=0" }] });
});

test("odd values do not break a line", () => {
  const { lines, logger } = capture();
  const loop: Record<string, unknown> = { big: 10n, bytes: new Uint8Array(3), when: new Date(0), none: null };
  loop["self"] = loop;
  logger.info(loop);
  logger.info("plain");
  logger.error(new Error("alone"));
  expect(JSON.parse(lines[0]!)).toMatchObject({ big: "10", bytes: "[3 bytes]", when: "1970-01-01T00:00:00.000Z" });
  expect(JSON.parse(lines[1]!).msg).toBe("plain");
  expect(lines[2]).toContain("alone");
});

test("the pretty form is one line an entry, an error's stack below it", () => {
  const { lines, logger } = capture({ format: "pretty", bindings: { nodeId: "n1" } });
  logger.warn({ roomId: "blue whale", count: 2 }, "room is large");
  logger.error({ err: new Error("outer", { cause: new Error("inner") }) }, "failed");
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}signal {3}room is large nodeId=n1 roomId="blue whale" count=2\n$/,
  );
  expect(lines[1]).toMatch(/ERROR signal {3}failed nodeId=n1\n {2}Error: outer\n[^]*caused by:\n {2}Error: inner/);
  logger.warn({ err: new Error("outer", { cause: new Error("inner") }) }, "failed");
  expect(lines[2]).toMatch(/failed nodeId=n1: outer: inner\n$/);
  const colored = capture({ format: "pretty", colors: true });
  colored.logger.info("hello");
  expect(colored.lines[0]).toContain("\u001b[32mINFO ");
});

test("levels below the set one are silent", () => {
  const { lines, logger } = capture({ level: "warn" });
  logger.info("no");
  expect(lines).toEqual([]);
});

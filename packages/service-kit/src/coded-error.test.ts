import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CodedError, ERROR_CODES, fromProtoError, GrpcStatus, toCodedError, toProtoError } from "./coded-error.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");

test("docs/errors.md and the table say the same", () => {
  const statusNames = new Map<number, string>(Object.entries(GrpcStatus).map(([name, value]) => [value, name]));
  const expected = Object.entries(ERROR_CODES).map(
    ([code, info]) =>
      `| \`${code}\` | ${statusNames.get(info.grpcStatus)} (${info.grpcStatus}) | ${info.httpStatus} | ${info.retryable ? "yes" : "no"} | ${info.explanation} |`,
  );
  const rows = page.split("\n").filter((line) => /^\| `[A-Z_]+` /.test(line));
  expect(rows).toEqual(expected);
});

test("a coded error carries what follows from its code", () => {
  const cause = new Error("socket hang up");
  const error = new CodedError("ISLB_UNAVAILABLE", undefined, { cause });
  expect(error).toMatchObject({ code: "ISLB_UNAVAILABLE", grpcStatus: 14, httpStatus: 503, retryable: true, cause });
  expect(error.message).toBe(ERROR_CODES.ISLB_UNAVAILABLE.explanation);
});

test("what was thrown without a code does not show its text outside", () => {
  const proto = toProtoError(new Error("connect ECONNREFUSED 10.0.0.7:6379"));
  expect(proto).toEqual({ code: "INTERNAL", message: ERROR_CODES.INTERNAL.explanation, retryable: false });
  expect(toCodedError("text", "STORE_UNAVAILABLE").code).toBe("STORE_UNAVAILABLE");
});

test("an error survives the wire; an unknown code becomes INTERNAL", () => {
  const error = new CodedError("ROOM_FULL", "Room lecture has 10 of 10 participants.");
  expect(fromProtoError(toProtoError(error))).toEqual(error);
  const newer = fromProtoError({ code: "FROM_THE_FUTURE", message: "hello", retryable: false });
  expect(newer).toMatchObject({ code: "INTERNAL", message: "FROM_THE_FUTURE: hello" });
  expect(fromProtoError({ code: "toString", message: "", retryable: false }).code).toBe("INTERNAL");
});

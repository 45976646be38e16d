import { readFileSync } from "node:fs";
import { COMPLETION_RECORD_BYTES } from "@cation/engine/completion-batch";
import { RECEIVE_RECORD_BYTES } from "@cation/engine/receive-batch";
import { SEND_PREFIX_MAX_BYTES, SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendOutcome } from "@cation/engine/send-batch";
import { describe, expect, it } from "vitest";
import { RECEIVE_DROP_REASONS } from "./media-io.ts";
import {
  DATAGRAM_ADDRESS_OFFSET,
  DATAGRAM_RECORD_BYTES,
  NATIVE_BATCH,
  NATIVE_COUNTERS,
  NATIVE_MAX_RUN,
} from "./native-records.ts";
import { REPLAY_WINDOW_PACKETS } from "./replay-window.ts";
import { SLOT_BYTES } from "./ring-packet-store.ts";
import { MAX_SSRCS } from "./srtp-context.ts";

const HEADER = read("../native/records.h");

/** native/records.h against the tables and constants of TypeScript. */
describe("native records", () => {
  it.each([
    ["SendRecord", "../../engine/src/send-batch.ts"],
    ["ReceiveRecord", "../../engine/src/receive-batch.ts"],
    ["CompletionRecord", "../../engine/src/completion-batch.ts"],
    ["DatagramRecord", "./native-records.ts"],
  ])("%s has the fields of %s", (struct, file) => {
    const fields = fieldsOfStruct(struct);
    expect(fields.length).toBeGreaterThan(4);
    expect(fields).toEqual(fieldsOfTable(read(file)));
  });

  it.each([
    ["SendRecord", "prefix", SEND_RECORD_BYTES, SEND_PREFIX_OFFSET],
    ["ReceiveRecord", "arrivalUs", RECEIVE_RECORD_BYTES, 24],
    ["CompletionRecord", "sentUs", COMPLETION_RECORD_BYTES, 16],
    ["DatagramRecord", "address", DATAGRAM_RECORD_BYTES, DATAGRAM_ADDRESS_OFFSET],
  ])("%s has the size TypeScript takes it to have", (struct, lastField, bytes, lastOffset) => {
    // The compiler holds the struct to these numbers.
    expect(HEADER).toContain(
      `static_assert(sizeof(${struct}) == ${bytes} && offsetof(${struct}, ${lastField}) == ${lastOffset});`,
    );
  });

  it("has the same outcomes and drop reasons, in the same order", () => {
    expect(enumNames("SendOutcome")).toEqual(Object.keys(SendOutcome).map(camelCase));
    expect(enumNames("DropReason")).toEqual(RECEIVE_DROP_REASONS.map(camelCase));
    expect(constant(HEADER, "kDropReasons")).toBe(RECEIVE_DROP_REASONS.length);
    const outcomes = Object.keys(SendOutcome).length;
    expect(constant(HEADER, "kSendOutcomes")).toBe(outcomes);
    expect(NATIVE_COUNTERS).toBe(2 + RECEIVE_DROP_REASONS.length + 2 + outcomes);
  });

  it("has the same limits", () => {
    expect(constant(HEADER, "kSlotBytes")).toBe(SLOT_BYTES);
    expect(constant(HEADER, "kSendPrefixMaxBytes")).toBe(SEND_PREFIX_MAX_BYTES);
    expect(constant(read("../native/packet_receiver.h"), "kBatch")).toBe(NATIVE_BATCH);
    expect(constant(read("../native/packet_sender.h"), "kMaxRun")).toBe(NATIVE_MAX_RUN);
    expect(constant(read("../native/srtp_receiver.h"), "kMaxSsrcs")).toBe(MAX_SSRCS);
    expect(constant(read("../native/replay_window.h"), "kPackets")).toBe(REPLAY_WINDOW_PACKETS);
  });
});

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}

/** "offset type" of each row in the table of a doc comment. */
function fieldsOfTable(source: string): string[] {
  const rows = source.matchAll(/^ \* \| (\d+) *\| (u8|u16|u32|f64|\d+ bytes) *\|/gm);
  return [...rows].map(([, offset, type]) => `${offset} ${type}`);
}

const C_TYPES: Record<string, string> = {
  uint8_t: "u8",
  uint16_t: "u16",
  uint32_t: "u32",
  double: "f64",
};

/** The same of a struct's fields: those that carry their offset as a comment. */
function fieldsOfStruct(name: string): string[] {
  const body = new RegExp(`struct ${name} \\{(.*?)\\n\\};`, "s").exec(HEADER)?.[1] ?? "";
  const lines = body.matchAll(/^ {2}(\w+) \w+(?:\[(\w+)\])?; +\/\/ (\d+)$/gm);
  return [...lines].map(([, type, count, offset]) => {
    if (count === undefined) return `${offset} ${C_TYPES[type]}`;
    const elements = /^\d+$/.test(count) ? Number(count) : constant(HEADER, count);
    return `${offset} ${elements} bytes`;
  });
}

function enumNames(name: string): string[] {
  const body = new RegExp(`enum class ${name} : uint8_t \\{(.*?)\\}`, "s").exec(HEADER)?.[1] ?? "";
  return [...body.matchAll(/\bk(\w+)/g)].map(([, value]) => value);
}

function constant(source: string, name: string): number {
  const value = new RegExp(`constexpr \\w+ ${name} = (\\d+);`).exec(source)?.[1];
  if (value === undefined) throw new Error(`no ${name}`);
  return Number(value);
}

/** "bad-tag" and "QUEUE_FULL" as C++ spells them: BadTag, QueueFull. */
function camelCase(name: string): string {
  return name
    .toLowerCase()
    .split(/[-_]/)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join("");
}

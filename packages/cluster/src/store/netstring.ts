/** Text as `length:text`, the length in bytes of UTF-8 (the netstring of D. J. Bernstein without its final comma). */
export function encodeNetstring(text: string): Uint8Array {
  return Buffer.from(`${Buffer.byteLength(text)}:${text}`);
}

/** A record of some netstrings and a message. */
export interface NetstringRecord {
  readonly fields: readonly string[];
  readonly message: Uint8Array;
}

/** Reads the netstrings at the start of a record; undefined when it has not so many. */
export function decodeNetstrings(record: Buffer, count: number): NetstringRecord | undefined {
  const fields: string[] = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const colon = record.indexOf(0x3a, at);
    const length = colon < 0 ? "" : record.toString("latin1", at, colon);
    if (!/^\d{1,9}$/.test(length)) return undefined;
    const end = colon + 1 + Number(length);
    if (end > record.length) return undefined;
    fields.push(record.toString("utf8", colon + 1, end));
    at = end;
  }
  return { fields, message: record.subarray(at) };
}

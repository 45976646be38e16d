import type { TransportHandle } from "@cation/engine/ids";
import type { MonoUs } from "@cation/rtp/units";
import type { MediaIoHandler } from "./media-io.ts";
import { DATAGRAM_ADDRESS_OFFSET, DATAGRAM_RECORD_BYTES, NATIVE_BATCH } from "./native-records.ts";
import { canonicalAddress } from "./remote-address.ts";
import { SLOT_BYTES } from "./ring-packet-store.ts";

/** STUN and DTLS that native code has received: reads its records and hands the datagrams on. */
export class NativeDatagrams {
  /** Memory that native code writes. */
  readonly records = new Uint8Array(NATIVE_BATCH * DATAGRAM_RECORD_BYTES);
  readonly scratch = new Uint8Array(NATIVE_BATCH * SLOT_BYTES);
  readonly #u16 = new Uint16Array(this.records.buffer);
  readonly #u32 = new Uint32Array(this.records.buffer);
  readonly #f64 = new Float64Array(this.records.buffer);

  /** Hands on the first `count` records, as long as `handlerNow` gives somebody to take them. */
  deliver(count: number, handlerNow: () => MediaIoHandler | undefined): void {
    for (let position = 0; position < count; position++) {
      const start = position * DATAGRAM_RECORD_BYTES;
      const transport = this.#u32[start >>> 2] as TransportHandle | 0;
      const offset = this.#u32[(start + 4) >>> 2];
      const length = this.#u32[(start + 8) >>> 2];
      const port = this.#u16[(start + 12) >>> 1];
      const arrivalUs = this.#f64[(start + 24) >>> 3] as MonoUs;
      const remote = { protocol: "udp", address: this.#address(start), port } as const;
      const bytes = this.scratch.subarray(offset, offset + length);
      handlerNow()?.onDatagram(bytes, remote, transport, arrivalUs);
    }
  }

  #address(start: number): string {
    const at = start + DATAGRAM_ADDRESS_OFFSET;
    if (this.records[start + 14] === 4) {
      const [a, b, c, d] = this.records.subarray(at + 12, at + 16);
      return `${a}.${b}.${c}.${d}`;
    }
    const groups: string[] = [];
    for (let i = 0; i < 16; i += 2) {
      groups.push(((this.records[at + i] << 8) | this.records[at + i + 1]).toString(16));
    }
    const scopeId = this.#u32[(start + 16) >>> 2];
    const zone = scopeId === 0 ? "" : `%${scopeId}`;
    return canonicalAddress(groups.join(":") + zone) ?? "::";
  }
}

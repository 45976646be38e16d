import {
  SEND_PREFIX_MAX_BYTES,
  SEND_PREFIX_OFFSET,
  SEND_RECORD_BYTES,
  SendKind,
  type SendBatch,
} from "@cation/engine/send-batch";
import type { PacketStore } from "@cation/engine/packet-store";
import type { TransportHandle } from "@cation/engine/ids";
import { RTCP_CLEAR_BYTES } from "./srtp-cipher.ts";

const RTP_FIXED_HEADER_BYTES = 12;

/** A send record where it lies. Made once and pointed at one record after another. */
export class SendRecordView {
  /** Absolute offset of the record in the batch. */
  start = 0;
  transport = 0 as TransportHandle;
  slot = 0;
  generation = 0;
  restOffset = 0;
  restBytes = 0;
  /** Rollover counter or SRTCP index. */
  index = 0;
  kind = 0;
  prefixBytes = 0;
  token = 0;
  headerBytes = 0;

  /** Points the view at record `position`. */
  set(batch: SendBatch, position: number): void {
    const start = position * SEND_RECORD_BYTES;
    this.start = start;
    this.transport = batch.u32[start >>> 2] as TransportHandle;
    this.slot = batch.u32[(start + 4) >>> 2];
    this.generation = batch.u32[(start + 8) >>> 2];
    this.restOffset = batch.u16[(start + 12) >>> 1];
    this.restBytes = batch.u16[(start + 14) >>> 1];
    this.index = batch.u32[(start + 16) >>> 2];
    this.kind = batch.u8[start + 20];
    this.prefixBytes = batch.u16[(start + 22) >>> 1];
    this.token = batch.u32[(start + 24) >>> 2];
    this.headerBytes = batch.u32[(start + 28) >>> 2];
  }

  /** Whether the record makes sense: lengths inside their places, room for a header. An engine's mistake otherwise. */
  isValid(store: PacketStore): boolean {
    if (this.prefixBytes > SEND_PREFIX_MAX_BYTES || this.slot >= store.slotCount) return false;
    if (this.restOffset + this.restBytes > store.slotBytes) return false;
    if (this.kind === SendKind.RTCP) return this.prefixBytes + this.restBytes >= RTCP_CLEAR_BYTES;
    return (
      this.kind === SendKind.RTP && this.headerBytes >= RTP_FIXED_HEADER_BYTES && this.headerBytes <= this.prefixBytes
    );
  }

  /** Whether the slot has been written again since the record was meant. A record without a rest needs no slot. */
  isOverwritten(store: PacketStore): boolean {
    return this.restBytes > 0 && store.generations[this.slot] !== this.generation;
  }

  /** Copies prefix and rest to the start of `target`; returns their length. */
  gather(batch: SendBatch, store: PacketStore, target: Uint8Array): number {
    const prefixStart = this.start + SEND_PREFIX_OFFSET;
    target.set(batch.u8.subarray(prefixStart, prefixStart + this.prefixBytes), 0);
    if (this.restBytes === 0) return this.prefixBytes;
    const restStart = this.slot * store.slotBytes + this.restOffset;
    target.set(store.bytes.subarray(restStart, restStart + this.restBytes), this.prefixBytes);
    return this.prefixBytes + this.restBytes;
  }
}

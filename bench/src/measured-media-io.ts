import { RECEIVE_RECORD_BYTES } from "@cation/engine/receive-batch";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { SEND_RECORD_BYTES } from "@cation/engine/send-batch";
import type { SendBatch } from "@cation/engine/send-batch";
import type { TransportHandle } from "@cation/engine/ids";
import type { MediaIo, MediaIoHandler, RemoteAddress, SrtpKeys } from "@cation/media-io/media-io";
import { openMediaIo, type OpenedMediaIo } from "@cation/media-io/open-media-io";
import { DelayHistogram } from "./delay-histogram.ts";

/** A backend that notes how long each forwarded packet stayed: from its arrival until it was handed to the kernel. */
export class MeasuredMediaIo implements MediaIo {
  readonly delays = new DelayHistogram();
  readonly #io: MediaIo;
  readonly #arrivals: Float64Array;

  constructor(io: MediaIo) {
    this.#io = io;
    this.#arrivals = new Float64Array(io.store.slotCount);
  }

  get backend() {
    return this.#io.backend;
  }

  get store() {
    return this.#io.store;
  }

  get port() {
    return this.#io.port;
  }

  nowUs() {
    return this.#io.nowUs();
  }

  start(handler: MediaIoHandler): void {
    this.#io.start({
      onReceive: (batch) => {
        this.#noteArrivals(batch);
        handler.onReceive(batch);
      },
      onDatagram: (bytes, remote, transport, arrivalUs) => handler.onDatagram(bytes, remote, transport, arrivalUs),
      onCompletions: (batch) => handler.onCompletions(batch),
      onRemoteClosed: (remote) => handler.onRemoteClosed(remote),
    });
  }

  openTransport(): TransportHandle {
    return this.#io.openTransport();
  }

  closeTransport(transport: TransportHandle): void {
    this.#io.closeTransport(transport);
  }

  setRemote(transport: TransportHandle, remote: RemoteAddress): void {
    this.#io.setRemote(transport, remote);
  }

  setSrtpKeys(transport: TransportHandle, keys: SrtpKeys): void {
    this.#io.setSrtpKeys(transport, keys);
  }

  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    this.#io.sendDatagram(remote, bytes);
  }

  send(batch: SendBatch): void {
    this.#io.send(batch);
    const nowUs = this.#io.nowUs();
    for (let i = 0; i < batch.count; i++) {
      const arrivedUs = this.#arrivals[batch.u32[(i * SEND_RECORD_BYTES) / 4 + 1]!]!;
      // RTCP and probes come from no slot.
      if (arrivedUs > 0 && batch.u16[(i * SEND_RECORD_BYTES) / 2 + 7]! > 0) this.delays.add(nowUs - arrivedUs);
    }
  }

  counters() {
    return this.#io.counters();
  }

  close(): Promise<void> {
    return this.#io.close();
  }

  #noteArrivals(batch: ReceiveBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const word = (i * RECEIVE_RECORD_BYTES) / 4;
      this.#arrivals[batch.u32[word + 1]!] = batch.f64[word / 2 + 3]!;
    }
  }
}

/** Opens a backend, measured. */
export async function openMeasuredMediaIo(
  ...how: Parameters<typeof openMediaIo>
): Promise<OpenedMediaIo & { readonly io: MeasuredMediaIo }> {
  const opened = await openMediaIo(...how);
  return { ...opened, io: new MeasuredMediaIo(opened.io) };
}

/** Worker of WeriftDtlsThread: holds its associations. */
import { NativeDtlsEvent } from "@cation/media-io/native-dtls";
import { parentPort, workerData } from "node:worker_threads";
import { FINGERPRINT_HASHES } from "./dtls-certificate.ts";
import type { DtlsFingerprint } from "./dtls.ts";
import { DTLS_CLOSE_REASONS, joinKeys } from "./threaded-dtls.ts";
import { WeriftDtlsAssociation } from "./werift-dtls-association.ts";
import type { WeriftDtlsCommand, WeriftDtlsEvent, WeriftDtlsWorkerData } from "./werift-dtls-messages.ts";

const { certificate, handshakeTimeoutMs } = workerData as WeriftDtlsWorkerData;
const associations = new Map<number, WeriftDtlsAssociation>();

function post(message: WeriftDtlsEvent, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function emit(id: number, kind: number, code: number, bytes: Uint8Array): void {
  const copy = Uint8Array.from(bytes);
  post({ type: "event", id, kind, code, bytes: copy }, [copy.buffer]);
}

function open(id: number, expected: readonly { digest: string; value: Uint8Array }[]): void {
  const association = new WeriftDtlsAssociation({
    certificate,
    handshakeTimeoutMs,
    expected: expected.map(toFingerprint),
    handler: {
      onSend: (datagram) => emit(id, NativeDtlsEvent.SEND, 0, datagram),
      onConnected: (keys) => emit(id, NativeDtlsEvent.CONNECTED, keys.profile, joinKeys(keys)),
      onData: (data) => emit(id, NativeDtlsEvent.DATA, 0, data),
      onClosed(reason) {
        associations.delete(id);
        emit(id, NativeDtlsEvent.CLOSED, DTLS_CLOSE_REASONS.indexOf(reason), Buffer.alloc(0));
      },
    },
  });
  associations.set(id, association);
}

function toFingerprint({ digest, value }: { digest: string; value: Uint8Array }): DtlsFingerprint {
  const names = Object.keys(FINGERPRINT_HASHES);
  const algorithm = names.find((name) => FINGERPRINT_HASHES[name]?.toUpperCase() === digest) ?? "";
  const hex = Buffer.from(value).toString("hex").toUpperCase();
  return { algorithm, value: (hex.match(/../g) ?? []).join(":") };
}

function closeAll(): void {
  for (const association of [...associations.values()]) association.close();
  parentPort?.close();
}

parentPort?.on("message", (command: WeriftDtlsCommand) => {
  switch (command.type) {
    case "open":
      return open(command.id, command.expected);
    case "receive":
      post({ type: "taken" });
      return associations.get(command.id)?.receive(command.bytes);
    case "sendData":
      post({ type: "taken" });
      return associations.get(command.id)?.sendData(command.bytes);
    case "closeAssociation":
      return associations.get(command.id)?.close();
    case "close":
      return closeAll();
  }
});
post({ type: "ready" });

import { parentPort, workerData } from "node:worker_threads";
import { rtpPacket, sendAll } from "./contract-kit.ts";
import { SrtpProfile } from "../media-io.ts";
import { loadNativeAddon } from "../native-addon.ts";
import { openNativeMediaIo } from "../native-media-io.ts";

/** The thread that native-worker.test.ts starts: sends to itself until it is told how to end. */
const loaded = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);
if (loaded.addon === undefined || parentPort === null) throw new Error("no addon, or no thread");
const io = await openNativeMediaIo(loaded.addon, {
  host: "127.0.0.1",
  port: 0,
  tcp: true,
  senderThreads: (workerData as { readonly threads: number }).threads,
});
const key = new Uint8Array(16);
const salt = new Uint8Array(12);
const transport = io.openTransport();
io.setSrtpKeys(transport, {
  profile: SrtpProfile.AEAD_AES_128_GCM,
  localKey: key,
  localSalt: salt,
  remoteKey: key,
  remoteSalt: salt,
});
io.setRemote(transport, { protocol: "udp", address: "127.0.0.1", port: io.port });
io.start({
  onReceive: () => {},
  onDatagram: () => {},
  onCompletions: () => {},
  onRemoteClosed: () => {},
});
let sequenceNumber = 0;
const sending = setInterval(() => {
  const packets = Array.from({ length: 50 }, () => rtpPacket(1, sequenceNumber++, key));
  sendAll(
    io,
    packets.map((packet, i) => ({ transport, packet, index: (sequenceNumber + i) >>> 16 })),
  );
}, 1);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort.postMessage(io.port);
parentPort.once("message", (how) => {
  if (how === "exit") process.exit(0);
  clearInterval(sending);
  void io.close();
});

/** A worker thread with handshakes under way on the addon's DTLS thread, until somebody ends it. */
import { X509Certificate } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { loadNativeAddon } from "@cation/media-io/native-addon";
import { createDtlsCertificate, fingerprintOf } from "../dtls-certificate.ts";
import { createOpensslDtlsProvider } from "../openssl-dtls.ts";
import { DtlsTestClient } from "./dtls-test-client.ts";

const { addon } = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);
if (addon === undefined) throw new Error("no addon");
const provider = createOpensslDtlsProvider({ DtlsServer: addon.DtlsServer });
const certificate = createDtlsCertificate(Date.now());
const expected = [fingerprintOf(new X509Certificate(certificate.certificatePem).raw)];
for (let count = 0; count < 4; count += 1) {
  const server = provider.createServer(expected, {
    onSend(datagram) {
      const copy = Buffer.from(datagram);
      setImmediate(() => client.receive(copy));
    },
    onConnected() {},
    onData() {},
    onClosed() {},
  });
  const client = new DtlsTestClient({ certificate, send: (datagram) => setImmediate(() => server.receive(datagram)) });
  client.connect();
}
parentPort?.on("message", () => process.exit(0));
parentPort?.postMessage("ready", []);

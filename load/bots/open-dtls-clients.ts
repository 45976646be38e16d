import { loadNativeAddon } from "@cation/media-io/native-addon";
import { createDtlsCertificate } from "@cation/webrtc/dtls-certificate";
import type { DtlsClients } from "./dtls-clients.ts";
import { OpensslDtlsClients } from "./openssl-dtls-clients.ts";
import { WeriftDtlsClients } from "./werift-dtls-clients.ts";

/** DTLS clients by OpenSSL where the addon loads, else by werift. Makes their certificate, valid from `nowMs` on. */
export function openDtlsClients(nowMs: number, backend: "auto" | DtlsClients["backend"] = "auto"): DtlsClients {
  const certificate = createDtlsCertificate(nowMs);
  const { addon } = loadNativeAddon();
  if (backend === "werift" || (backend === "auto" && addon === undefined)) return new WeriftDtlsClients(certificate);
  if (addon === undefined) throw new Error("no OpenSSL for DTLS: the native addon does not load");
  return new OpensslDtlsClients(addon.DtlsClient, certificate);
}

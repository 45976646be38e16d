import { SrtpProfile, type SrtpKeys } from "@cation/media-io/media-io";

/** Where a transport's keys come from in the bench: its index, by the formula of bench/native/srtp.h. */
function masterKey(index: number, direction: 0 | 1): { key: Uint8Array; salt: Uint8Array } {
  const byte = (i: number): number => (index >>> (8 * (i % 4))) & 0xff;
  return {
    key: Uint8Array.from({ length: 16 }, (_, i) => byte(i) ^ ((i * 31 + direction * 97) & 0xff)),
    salt: Uint8Array.from({ length: 12 }, (_, i) => byte(i) ^ ((i * 17 + direction * 59 + 1) & 0xff)),
  };
}

/** Keys of the transport with this index as the server holds them (direction 0: server to client). AES-128-GCM. */
export function serverKeys(index: number): SrtpKeys {
  const local = masterKey(index, 0);
  const remote = masterKey(index, 1);
  return {
    profile: SrtpProfile.AEAD_AES_128_GCM,
    localKey: local.key,
    localSalt: local.salt,
    remoteKey: remote.key,
    remoteSalt: remote.salt,
  };
}

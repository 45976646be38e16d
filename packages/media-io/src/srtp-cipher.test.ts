import { AesCmCipher } from "./aes-cm-cipher.ts";
import { AesGcmCipher } from "./aes-gcm-cipher.ts";
import { SrtpProfile } from "./media-io.ts";
import { srtpCipherContract } from "./srtp-cipher.contract.ts";

srtpCipherContract("node:crypto", (profile, rtp, rtcp) =>
  profile === SrtpProfile.AES128_CM_HMAC_SHA1_80 ? new AesCmCipher(rtp, rtcp) : new AesGcmCipher(rtp, rtcp),
);

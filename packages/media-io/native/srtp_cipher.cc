#include "srtp_cipher.h"

#include <openssl/crypto.h>

#include <cstring>

#include "aes_cm_cipher.h"
#include "aes_gcm_cipher.h"
#include "openssl_ptr.h"

namespace cation {

namespace {

// RFC 3711 §4.3.1.
enum Label : uint8_t { kEncryption = 0, kAuthentication = 1, kSalt = 2, kRtcpOffset = 3 };

// The AES-CM key stream at (label ‖ 0) XOR salt. A salt of 96 bits is padded on the right (RFC 7714 §11).
bool deriveKey(const ProfileLengths& lengths, const uint8_t* masterKey, const uint8_t* masterSalt,
               uint8_t label, uint8_t* out, size_t outBytes) {
  if (outBytes == 0) return true;
  uint8_t counter[16] = {};
  std::memcpy(counter, masterSalt, lengths.saltBytes);
  counter[7] ^= label;
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = lengths.keyBytes == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
  const uint8_t zeros[32] = {};
  int written = 0;
  return context && outBytes <= sizeof zeros &&
         EVP_EncryptInit_ex(context.get(), cipher, nullptr, masterKey, counter) == 1 &&
         EVP_EncryptUpdate(context.get(), out, &written, zeros, static_cast<int>(outBytes)) == 1;
}

bool deriveSet(const ProfileLengths& lengths, const uint8_t* masterKey, const uint8_t* masterSalt,
               uint8_t labelOffset, SessionKeys* keys) {
  const auto derive = [&](uint8_t label, uint8_t* out, size_t bytes) {
    return deriveKey(lengths, masterKey, masterSalt, static_cast<uint8_t>(labelOffset + label), out,
                     bytes);
  };
  return derive(kEncryption, keys->key, lengths.keyBytes) &&
         derive(kAuthentication, keys->authKey, lengths.authKeyBytes) &&
         derive(kSalt, keys->salt, lengths.saltBytes);
}

}  // namespace

SessionKeys::~SessionKeys() { OPENSSL_cleanse(this, sizeof *this); }

const ProfileLengths* profileLengths(SrtpProfile profile) {
  static constexpr ProfileLengths kCm{16, 14, 20, 10};
  static constexpr ProfileLengths kGcm128{16, 12, 0, 16};
  static constexpr ProfileLengths kGcm256{32, 12, 0, 16};
  switch (profile) {
    case SrtpProfile::kAes128CmHmacSha1_80:
      return &kCm;
    case SrtpProfile::kAeadAes128Gcm:
      return &kGcm128;
    case SrtpProfile::kAeadAes256Gcm:
      return &kGcm256;
  }
  return nullptr;
}

bool deriveSessionKeys(SrtpProfile profile, const uint8_t* masterKey, const uint8_t* masterSalt,
                       SessionKeys* rtp, SessionKeys* rtcp) {
  const ProfileLengths* lengths = profileLengths(profile);
  return lengths && deriveSet(*lengths, masterKey, masterSalt, 0, rtp) &&
         deriveSet(*lengths, masterKey, masterSalt, kRtcpOffset, rtcp);
}

std::unique_ptr<SrtpCipher> SrtpCipher::create(SrtpProfile profile, Direction direction,
                                               const SessionKeys& rtp, const SessionKeys& rtcp) {
  const ProfileLengths* lengths = profileLengths(profile);
  if (!lengths) return nullptr;
  if (profile == SrtpProfile::kAes128CmHmacSha1_80) return AesCmCipher::create(rtp, rtcp);
  return AesGcmCipher::create(lengths->keyBytes, direction, rtp, rtcp);
}

}  // namespace cation

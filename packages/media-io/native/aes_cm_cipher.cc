// SHA1_Init and friends are deprecated, not gone; only they let a keyed state be copied without allocating.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "aes_cm_cipher.h"

#include <openssl/crypto.h>

#include <cstring>

#include "bytes.h"

namespace cation {

namespace {

constexpr size_t kTagBytes = 10;
constexpr size_t kBlockBytes = 64;

}  // namespace

AesCmCipher::Half::~Half() {
  OPENSSL_cleanse(&inner, sizeof inner);
  OPENSSL_cleanse(&outer, sizeof outer);
}

bool AesCmCipher::Half::init(const SessionKeys& keys) {
  std::memcpy(salt, keys.salt, sizeof salt);
  uint8_t pad[kBlockBytes];
  std::memset(pad, 0x36, sizeof pad);
  for (size_t i = 0; i < sizeof keys.authKey; i++) pad[i] ^= keys.authKey[i];
  SHA1_Init(&inner);
  SHA1_Update(&inner, pad, sizeof pad);
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  SHA1_Init(&outer);
  SHA1_Update(&outer, pad, sizeof pad);
  OPENSSL_cleanse(pad, sizeof pad);
  context.reset(EVP_CIPHER_CTX_new());
  return context && EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, keys.key,
                                       nullptr) == 1;
}

bool AesCmCipher::Half::setCounter(const uint8_t* ssrc, uint32_t indexHigh, uint16_t indexLow) {
  uint8_t iv[16] = {};
  std::memcpy(iv + 4, ssrc, 4);
  writeU32(iv + 8, indexHigh);
  writeU16(iv + 12, indexLow);
  for (size_t i = 0; i < sizeof salt; i++) iv[i] ^= salt[i];
  return EVP_EncryptInit_ex(context.get(), nullptr, nullptr, nullptr, iv) == 1;
}

bool AesCmCipher::Half::crypt(uint8_t* out, const uint8_t* in, size_t bytes) {
  int written = 0;
  return bytes == 0 ||
         EVP_EncryptUpdate(context.get(), out, &written, in, static_cast<int>(bytes)) == 1;
}

void AesCmCipher::Half::authenticate(const uint8_t* bytes, size_t length, const uint8_t* suffix,
                                     size_t suffixBytes, uint8_t* mac) const {
  SHA_CTX state = inner;
  SHA1_Update(&state, bytes, length);
  SHA1_Update(&state, suffix, suffixBytes);
  SHA1_Final(mac, &state);
  state = outer;
  SHA1_Update(&state, mac, SHA_DIGEST_LENGTH);
  SHA1_Final(mac, &state);
}

std::unique_ptr<SrtpCipher> AesCmCipher::create(const SessionKeys& rtp, const SessionKeys& rtcp) {
  auto cipher = std::make_unique<AesCmCipher>();
  if (!cipher->rtp_.init(rtp) || !cipher->rtcp_.init(rtcp)) return nullptr;
  return cipher;
}

size_t AesCmCipher::tagBytes() const { return kTagBytes; }

size_t AesCmCipher::rtcpIndexOffset(size_t length) const {
  return length - kTagBytes - kSrtcpIndexBytes;
}

// RFC 3711 §4.2: over the packet and the rollover counter.
void AesCmCipher::rtpMac(const uint8_t* packet, size_t length, uint32_t rolloverCounter,
                         uint8_t* mac) const {
  uint8_t suffix[4];
  writeU32(suffix, rolloverCounter);
  rtp_.authenticate(packet, length, suffix, sizeof suffix, mac);
}

size_t AesCmCipher::sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                            uint8_t* out) {
  if (out != packet.prefix) std::memcpy(out, packet.prefix, headerBytes);
  const size_t length = packet.prefixBytes + packet.restBytes;
  const bool sealed = rtp_.setCounter(out + 8, rolloverCounter, readU16(out + 2)) &&
                      rtp_.crypt(out + headerBytes, packet.prefix + headerBytes,
                                 packet.prefixBytes - headerBytes) &&
                      rtp_.crypt(out + packet.prefixBytes, packet.rest, packet.restBytes);
  if (!sealed) return 0;
  uint8_t mac[SHA_DIGEST_LENGTH];
  rtpMac(out, length, rolloverCounter, mac);
  std::memcpy(out + length, mac, kTagBytes);
  return length + kTagBytes;
}

size_t AesCmCipher::sealRtcp(uint8_t* packet, size_t length, uint32_t index) {
  uint8_t* body = packet + kRtcpClearBytes;
  const bool sealed = rtcp_.setCounter(packet + 4, index >> 16, static_cast<uint16_t>(index)) &&
                      rtcp_.crypt(body, body, length - kRtcpClearBytes);
  if (!sealed) return 0;
  writeU32(packet + length, kSrtcpEncryptedFlag | index);
  uint8_t mac[SHA_DIGEST_LENGTH];
  rtcp_.authenticate(packet, length + kSrtcpIndexBytes, nullptr, 0, mac);
  std::memcpy(packet + length + kSrtcpIndexBytes, mac, kTagBytes);
  return length + kSrtcpIndexBytes + kTagBytes;
}

long AesCmCipher::openRtp(const uint8_t* packet, size_t length, size_t headerBytes,
                          uint32_t rolloverCounter, uint8_t* out) {
  const size_t end = length - kTagBytes;
  uint8_t mac[SHA_DIGEST_LENGTH];
  rtpMac(packet, end, rolloverCounter, mac);
  if (CRYPTO_memcmp(mac, packet + end, kTagBytes) != 0) return -1;
  if (out != packet) std::memcpy(out, packet, headerBytes);
  const bool opened = rtp_.setCounter(packet + 8, rolloverCounter, readU16(packet + 2)) &&
                      rtp_.crypt(out + headerBytes, packet + headerBytes, end - headerBytes);
  return opened ? static_cast<long>(end) : -1;
}

long AesCmCipher::openRtcp(const uint8_t* packet, size_t length, uint32_t index, uint8_t* out) {
  const size_t tagOffset = length - kTagBytes;
  const size_t end = tagOffset - kSrtcpIndexBytes;
  uint8_t mac[SHA_DIGEST_LENGTH];
  rtcp_.authenticate(packet, tagOffset, nullptr, 0, mac);
  if (CRYPTO_memcmp(mac, packet + tagOffset, kTagBytes) != 0) return -1;
  if (out != packet) std::memcpy(out, packet, kRtcpClearBytes);
  const bool opened =
      rtcp_.setCounter(packet + 4, index >> 16, static_cast<uint16_t>(index)) &&
      rtcp_.crypt(out + kRtcpClearBytes, packet + kRtcpClearBytes, end - kRtcpClearBytes);
  return opened ? static_cast<long>(end) : -1;
}

}  // namespace cation

#include "aes_gcm_cipher.h"

#include <cstring>

#include "bytes.h"

namespace cation {

namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kContextLines = 3;
constexpr size_t kRtcpAadBytes = kRtcpClearBytes + kSrtcpIndexBytes;

// RFC 7714 §8.1: (00 00 ‖ ssrc ‖ rollover counter ‖ sequence number) XOR salt.
void rtpIv(const uint8_t* header, uint32_t rolloverCounter, const uint8_t* salt, uint8_t* iv) {
  writeU16(iv, 0);
  std::memcpy(iv + 2, header + 8, 4);
  writeU32(iv + 6, rolloverCounter);
  std::memcpy(iv + 10, header + 2, 2);
  for (size_t i = 0; i < 12; i++) iv[i] ^= salt[i];
}

// RFC 7714 §9.1: (00 00 ‖ ssrc ‖ 00 00 ‖ index) XOR salt.
void rtcpIv(const uint8_t* packet, uint32_t index, const uint8_t* salt, uint8_t* iv) {
  writeU16(iv, 0);
  std::memcpy(iv + 2, packet + 4, 4);
  writeU16(iv + 6, 0);
  writeU32(iv + 8, index);
  for (size_t i = 0; i < 12; i++) iv[i] ^= salt[i];
}

// Feeds bytes; as associated data where `out` is null.
bool update(EVP_CIPHER_CTX* context, uint8_t* out, const uint8_t* in, size_t bytes) {
  int written = 0;
  return bytes == 0 ||
         EVP_CipherUpdate(context, out, &written, in, static_cast<int>(bytes)) == 1;
}

bool setNonce(EVP_CIPHER_CTX* context, const uint8_t* iv) {
  return EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, iv, -1) == 1;
}

bool finishSeal(EVP_CIPHER_CTX* context, uint8_t* tag) {
  int written = 0;
  return EVP_EncryptFinal_ex(context, tag, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
}

bool finishOpen(EVP_CIPHER_CTX* context, const uint8_t* tag) {
  uint8_t expected[kTagBytes];
  std::memcpy(expected, tag, kTagBytes);
  uint8_t nothing[16];
  int written = 0;
  return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected) == 1 &&
         EVP_DecryptFinal_ex(context, nothing, &written) == 1;
}

}  // namespace

bool AesGcmCipher::Half::init(size_t keyBytes, Direction direction, const SessionKeys& keys) {
  std::memcpy(salt, keys.salt, sizeof salt);
  context.reset(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = keyBytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  const int seal = direction == Direction::kSeal ? 1 : 0;
  return context &&
         EVP_CipherInit_ex(context.get(), cipher, nullptr, keys.key, nullptr, seal) == 1;
}

std::unique_ptr<SrtpCipher> AesGcmCipher::create(size_t keyBytes, Direction direction,
                                                 const SessionKeys& rtp, const SessionKeys& rtcp) {
  auto cipher = std::make_unique<AesGcmCipher>();
  if (!cipher->rtp_.init(keyBytes, direction, rtp)) return nullptr;
  if (!cipher->rtcp_.init(keyBytes, direction, rtcp)) return nullptr;
  return cipher;
}

size_t AesGcmCipher::tagBytes() const { return kTagBytes; }

void AesGcmCipher::prefetch() const {
  const auto* context = reinterpret_cast<const uint8_t*>(rtp_.context.get());
  // EVP_CIPHER_CTX of OpenSSL 3 is three lines long, and what it refers to is usually allocated right behind it.
  for (size_t line = 0; line < kContextLines; line++) __builtin_prefetch(context + line * 64);
}

size_t AesGcmCipher::sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                             uint8_t* out) {
  uint8_t iv[kIvBytes];
  rtpIv(packet.prefix, rolloverCounter, rtp_.salt, iv);
  EVP_CIPHER_CTX* context = rtp_.context.get();
  if (out != packet.prefix) std::memcpy(out, packet.prefix, headerBytes);
  const size_t length = packet.prefixBytes + packet.restBytes;
  const bool sealed =
      setNonce(context, iv) && update(context, nullptr, out, headerBytes) &&
      update(context, out + headerBytes, packet.prefix + headerBytes,
             packet.prefixBytes - headerBytes) &&
      update(context, out + packet.prefixBytes, packet.rest, packet.restBytes) &&
      finishSeal(context, out + length);
  return sealed ? length + kTagBytes : 0;
}

size_t AesGcmCipher::sealRtcp(uint8_t* packet, size_t length, uint32_t index) {
  uint8_t iv[kIvBytes];
  rtcpIv(packet, index, rtcp_.salt, iv);
  uint8_t* trailer = packet + length + kTagBytes;
  writeU32(trailer, kSrtcpEncryptedFlag | index);
  // RFC 7714 §9.2: the first eight bytes and E ‖ index.
  uint8_t aad[kRtcpAadBytes];
  std::memcpy(aad, packet, kRtcpClearBytes);
  std::memcpy(aad + kRtcpClearBytes, trailer, kSrtcpIndexBytes);
  EVP_CIPHER_CTX* context = rtcp_.context.get();
  uint8_t* body = packet + kRtcpClearBytes;
  const bool sealed = setNonce(context, iv) && update(context, nullptr, aad, sizeof aad) &&
                      update(context, body, body, length - kRtcpClearBytes) &&
                      finishSeal(context, packet + length);
  return sealed ? length + kTagBytes + kSrtcpIndexBytes : 0;
}

long AesGcmCipher::openRtp(const uint8_t* packet, size_t length, size_t headerBytes,
                           uint32_t rolloverCounter, uint8_t* out) {
  uint8_t iv[kIvBytes];
  rtpIv(packet, rolloverCounter, rtp_.salt, iv);
  const size_t end = length - kTagBytes;
  EVP_CIPHER_CTX* context = rtp_.context.get();
  if (out != packet) std::memcpy(out, packet, headerBytes);
  const bool opened =
      setNonce(context, iv) && update(context, nullptr, packet, headerBytes) &&
      update(context, out + headerBytes, packet + headerBytes, end - headerBytes) &&
      finishOpen(context, packet + end);
  return opened ? static_cast<long>(end) : -1;
}

long AesGcmCipher::openRtcp(const uint8_t* packet, size_t length, uint32_t index, uint8_t* out) {
  uint8_t iv[kIvBytes];
  rtcpIv(packet, index, rtcp_.salt, iv);
  const size_t end = length - kSrtcpIndexBytes - kTagBytes;
  uint8_t aad[kRtcpAadBytes];
  std::memcpy(aad, packet, kRtcpClearBytes);
  std::memcpy(aad + kRtcpClearBytes, packet + length - kSrtcpIndexBytes, kSrtcpIndexBytes);
  EVP_CIPHER_CTX* context = rtcp_.context.get();
  if (out != packet) std::memcpy(out, packet, kRtcpClearBytes);
  const bool opened =
      setNonce(context, iv) && update(context, nullptr, aad, sizeof aad) &&
      update(context, out + kRtcpClearBytes, packet + kRtcpClearBytes, end - kRtcpClearBytes) &&
      finishOpen(context, packet + end);
  return opened ? static_cast<long>(end) : -1;
}

}  // namespace cation

// AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714).
#pragma once

#include "openssl_ptr.h"
#include "srtp_cipher.h"

namespace cation {

class AesGcmCipher : public SrtpCipher {
 public:
  static std::unique_ptr<SrtpCipher> create(size_t keyBytes, Direction direction,
                                            const SessionKeys& rtp, const SessionKeys& rtcp);

  size_t tagBytes() const override;
  void prefetch() const override;
  size_t sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                 uint8_t* out) override;
  size_t sealRtcp(uint8_t* packet, size_t length, uint32_t index) override;
  long openRtp(const uint8_t* packet, size_t length, size_t headerBytes, uint32_t rolloverCounter,
               uint8_t* out) override;
  long openRtcp(const uint8_t* packet, size_t length, uint32_t index, uint8_t* out) override;
  size_t rtcpIndexOffset(size_t length) const override { return length - kSrtcpIndexBytes; }

 private:
  static constexpr size_t kIvBytes = 12;

  // A keyed context, whose nonce alone changes per packet, and the salt that goes into it.
  struct Half {
    CipherContextPtr context;
    uint8_t salt[kIvBytes];

    bool init(size_t keyBytes, Direction direction, const SessionKeys& keys);
  };

  Half rtp_;
  Half rtcp_;
};

}  // namespace cation

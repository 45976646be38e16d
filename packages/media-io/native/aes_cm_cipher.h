// AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1, §4.2.1).
#pragma once

#include <openssl/sha.h>

#include "openssl_ptr.h"
#include "srtp_cipher.h"

namespace cation {

class AesCmCipher : public SrtpCipher {
 public:
  static std::unique_ptr<SrtpCipher> create(const SessionKeys& rtp, const SessionKeys& rtcp);

  size_t tagBytes() const override;
  size_t sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                 uint8_t* out) override;
  size_t sealRtcp(uint8_t* packet, size_t length, uint32_t index) override;
  long openRtp(const uint8_t* packet, size_t length, size_t headerBytes, uint32_t rolloverCounter,
               uint8_t* out) override;
  long openRtcp(const uint8_t* packet, size_t length, uint32_t index, uint8_t* out) override;
  size_t rtcpIndexOffset(size_t length) const override;

 private:
  // A keyed AES-CTR context, the salt, and HMAC with its key already hashed in: OpenSSL's own HMAC allocates per packet.
  struct Half {
    CipherContextPtr context;
    uint8_t salt[14];
    SHA_CTX inner;
    SHA_CTX outer;

    ~Half();
    bool init(const SessionKeys& keys);
    // RFC 3711 §4.1.1: counter (salt · 2^16) XOR (ssrc · 2^64) XOR (index · 2^16), the index 48 bits wide.
    bool setCounter(const uint8_t* ssrc, uint32_t indexHigh, uint16_t indexLow);
    bool crypt(uint8_t* out, const uint8_t* in, size_t bytes);
    // HMAC-SHA1 over `bytes` and `suffix`, 20 bytes.
    void authenticate(const uint8_t* bytes, size_t length, const uint8_t* suffix,
                      size_t suffixBytes, uint8_t* mac) const;
  };

  void rtpMac(const uint8_t* packet, size_t length, uint32_t rolloverCounter, uint8_t* mac) const;

  Half rtp_;
  Half rtcp_;
};

}  // namespace cation

// Protection of one direction of an association (RFC 3711, RFC 7714). Knows no replay window and no streams; see
// packages/media-io/src/srtp-cipher.ts, whose contract suite runs over this too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "records.h"

namespace cation {

constexpr size_t kRtcpClearBytes = 8;
constexpr size_t kSrtcpIndexBytes = 4;
constexpr size_t kMaxOverheadBytes = 20;
constexpr size_t kMaxWireBytes = kSendPrefixMaxBytes + kSlotBytes + kMaxOverheadBytes;
constexpr uint32_t kSrtcpEncryptedFlag = 0x80000000;

// Session keys of one direction, for RTP or for RTCP.
struct SessionKeys {
  uint8_t key[32] = {};
  uint8_t salt[14] = {};
  uint8_t authKey[20] = {};

  // Keys are wiped when they go out of use.
  ~SessionKeys();
};

struct ProfileLengths {
  size_t keyBytes;
  size_t saltBytes;
  size_t authKeyBytes;
  size_t tagBytes;
};

// nullptr for an unknown profile.
const ProfileLengths* profileLengths(SrtpProfile profile);

// Derives session keys from master key and salt of the profile's lengths (RFC 3711 §4.3.3). False if OpenSSL fails.
bool deriveSessionKeys(SrtpProfile profile, const uint8_t* masterKey, const uint8_t* masterSalt,
                       SessionKeys* rtp, SessionKeys* rtcp);

// A packet in two pieces: the prefix, which holds the RTP header, and the rest.
struct Gather {
  const uint8_t* prefix;
  size_t prefixBytes;
  const uint8_t* rest;
  size_t restBytes;
};

class SrtpCipher {
 public:
  enum class Direction { kSeal, kOpen };

  virtual ~SrtpCipher() = default;

  // nullptr for an unknown profile, or if OpenSSL fails.
  static std::unique_ptr<SrtpCipher> create(SrtpProfile profile, Direction direction,
                                            const SessionKeys& rtp, const SessionKeys& rtcp);

  virtual size_t tagBytes() const = 0;

  // Asks for the memory that `sealRtp` will want soon.
  virtual void prefetch() const {}

  // Writes the protected packet to `out`, which has room for kMaxOverheadBytes more than the packet and overlaps no input
  // except where it is the same. `headerBytes` lies inside the prefix. Returns its length, 0 if OpenSSL fails.
  virtual size_t sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                         uint8_t* out) = 0;

  // Protects the compound that lies at `packet`, in place.
  virtual size_t sealRtcp(uint8_t* packet, size_t length, uint32_t index) = 0;

  // Checks and decrypts into `out` (which may be `packet`). Returns the plain length, -1 where the tag is wrong; `out` then
  // holds nothing of use. `length` covers header and tag: the caller has checked.
  virtual long openRtp(const uint8_t* packet, size_t length, size_t headerBytes,
                       uint32_t rolloverCounter, uint8_t* out) = 0;
  virtual long openRtcp(const uint8_t* packet, size_t length, uint32_t index, uint8_t* out) = 0;

  // Where E ‖ index stands in an SRTCP packet of this length.
  virtual size_t rtcpIndexOffset(size_t length) const = 0;
};

}  // namespace cation

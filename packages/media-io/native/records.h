// Layout of everything that native code and TypeScript exchange through typed arrays. TypeScript is the source of truth:
// packages/engine/src/{send,receive,completion}-batch.ts, packages/media-io/src/native-records.ts. records.test.ts reads
// both sides, so each field here stands on a line of its own with its offset behind it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cation {

constexpr size_t kSendPrefixMaxBytes = 96;
constexpr size_t kSlotBytes = 2048;

struct SendRecord {
  uint32_t transport;    // 0
  uint32_t slot;         // 4
  uint32_t generation;   // 8
  uint16_t restOffset;   // 12
  uint16_t restBytes;    // 14
  uint32_t index;        // 16
  uint8_t kind;          // 20
  uint8_t flags;         // 21
  uint16_t prefixBytes;  // 22
  uint32_t token;        // 24
  uint32_t headerBytes;  // 28
  uint8_t prefix[kSendPrefixMaxBytes];  // 32
};
static_assert(sizeof(SendRecord) == 128 && offsetof(SendRecord, prefix) == 32);

struct ReceiveRecord {
  uint32_t transport;   // 0
  uint32_t slot;        // 4
  uint32_t generation;  // 8
  uint16_t offset;      // 12
  uint16_t length;      // 14
  uint8_t kind;         // 16
  uint8_t reserved[7];
  double arrivalUs;  // 24
};
static_assert(sizeof(ReceiveRecord) == 32 && offsetof(ReceiveRecord, arrivalUs) == 24);

struct CompletionRecord {
  uint32_t transport;  // 0
  uint32_t token;      // 4
  uint8_t outcome;     // 8
  uint8_t reserved[3];
  uint32_t wireBytes;  // 12
  double sentUs;       // 16
};
static_assert(sizeof(CompletionRecord) == 24 && offsetof(CompletionRecord, sentUs) == 16);

// A STUN or DTLS datagram: where it lies in the scratch memory, and whence it came.
struct DatagramRecord {
  uint32_t transport;  // 0
  uint32_t offset;     // 4
  uint32_t length;     // 8
  uint16_t port;       // 12
  uint8_t family;      // 14
  uint8_t reserved;
  uint32_t scopeId;  // 16
  uint32_t reserved2;
  double arrivalUs;     // 24
  uint8_t address[16];  // 32
};
static_assert(sizeof(DatagramRecord) == 48 && offsetof(DatagramRecord, address) == 32);

enum class PacketKind : uint8_t { kRtp = 0, kRtcp = 1 };

enum class SendOutcome : uint8_t {
  kSent = 0,
  kQueueFull = 1,
  kSlotOverwritten = 2,
  kNoTransport = 3,
  kSocketError = 4,
};
constexpr size_t kSendOutcomes = 5;

// In the order of RECEIVE_DROP_REASONS.
enum class DropReason : uint8_t {
  kUnknownProtocol,
  kUnknownSource,
  kNoKeys,
  kBadTag,
  kReplayed,
  kTooOld,
  kTooManySsrcs,
  kTruncated,
  kOversized,
  kKernelOverflow,
  kTcpFraming,
};
constexpr size_t kDropReasons = 11;

// Profiles by IANA number.
enum class SrtpProfile : uint16_t {
  kAes128CmHmacSha1_80 = 0x0001,
  kAeadAes128Gcm = 0x0007,
  kAeadAes256Gcm = 0x0008,
};

}  // namespace cation

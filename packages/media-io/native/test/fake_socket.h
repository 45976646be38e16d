// A kernel that does as the test says: `sendmmsg` of the test program calls this in place of libc's.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "../packet_sender.h"

namespace cation::test {

// A message as the kernel was given it.
struct SentMessage {
  sockaddr_in6 address;
  // One entry a piece.
  std::vector<std::vector<uint8_t>> packets;
  // 0 without UDP_SEGMENT.
  uint16_t segmentBytes;
};

class FakeKernel {
 public:
  // What the next calls answer: a positive number limits how many messages are taken, a negative one is -errno. When there
  // is no answer left, all is taken.
  void answer(std::initializer_list<int> answers);
  // From now on nothing is taken, or all is again.
  void block(bool blocked);
  // Calls that took nothing because of it.
  int blockedCalls();
  std::vector<SentMessage> takeSent();
  int sendmmsg(mmsghdr* messages, unsigned count);

 private:
  std::mutex mutex_;
  std::deque<int> answers_;
  bool blocked_ = false;
  int blockedCalls_ = 0;
  std::vector<SentMessage> sent_;
};

// The one that the program's sendmmsg calls.
FakeKernel& kernel();

// A cipher whose packets can be read: header, body, then "index" in the last four bytes.
class FakeCipher : public SrtpCipher {
 public:
  size_t tagBytes() const override { return 4; }
  size_t sealRtp(const Gather& packet, size_t headerBytes, uint32_t rolloverCounter,
                 uint8_t* out) override;
  size_t sealRtcp(uint8_t* packet, size_t length, uint32_t index) override;
  long openRtp(const uint8_t*, size_t, size_t, uint32_t, uint8_t*) override { return -1; }
  long openRtcp(const uint8_t*, size_t, uint32_t, uint8_t*) override { return -1; }
  size_t rtcpIndexOffset(size_t length) const override { return length - 4; }
};

// Slots and generations of a store.
struct StoreMemory {
  explicit StoreMemory(uint32_t slotCount)
      : bytes(size_t{slotCount} * kSlotBytes), generations(slotCount) {}

  PacketStore store() {
    return PacketStore(bytes.data(), generations.data(),
                       static_cast<uint32_t>(generations.size()), &head);
  }

  std::vector<uint8_t> bytes;
  std::vector<uint32_t> generations;
  uint32_t head = 0;
};

// An RTP record of `bytes` bytes, all of them in the prefix.
SendRecord rtpRecord(uint32_t transport, uint32_t token, uint16_t bytes);

// A route to a port of loopback.
void setPort(Route* route, SrtpCipher* cipher, uint16_t port);

}  // namespace cation::test

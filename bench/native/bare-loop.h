#pragma once
#include <cstdint>

namespace bench {

struct BareLoopOptions {
  int localPort, firstSubscriberPort, subscribers;
  uint32_t publisherIndex, firstSubscriberIndex;
  double durationMs;
  int batch;           // packets a sendmmsg
  int extensionBytes;  // RTP header extension block to add, a multiple of 4, at most 48
};
struct BareLoopResult {
  uint64_t received, sent, refused;
  double cpuUs, systemUs, seconds, delayP50Us, delayP99Us, delayP999Us;
};
// The physical limit: receive, decrypt, then for each subscriber copy the header, encrypt, sendmmsg. Decides nothing.
BareLoopResult runBareLoop(const BareLoopOptions& options);

}  // namespace bench

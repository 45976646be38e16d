#pragma once
#include <cstdint>

namespace bench {

struct SourceOptions {
  int localPort, targetPort;
  uint32_t transportIndex, ssrc, firstSequence;
  int payloadType, packetBytes;
  double packetsPerSecond, durationMs;
};
struct SourceResult {
  uint64_t sent, failed;
  double seconds;
};
SourceResult runSource(const SourceOptions& options);

}  // namespace bench

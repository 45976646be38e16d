#pragma once
#include <cstdint>
#include <vector>

namespace bench {

struct SourceOptions {
  int firstLocalPort, targetPort;
  int publishers;               // publisher p: port firstLocalPort + p, keys firstTransportIndex + p
  uint32_t firstTransportIndex;
  uint32_t firstSsrc;           // of (p, encoding e): firstSsrc + 16 p + e
  uint32_t firstSequence;
  int payloadType, packetBytes;
  std::vector<int> packetsPerFrame;  // one entry an encoding
  double packetsPerSecond;           // of each publisher, all encodings together
  double durationMs;
};
struct SourceResult {
  uint64_t sent, failed;
  double seconds;
};
SourceResult runSource(const SourceOptions& options);

}  // namespace bench

#pragma once
#include <cstdint>
#include <string>

namespace bench {

struct SinkOptions {
  int firstPort, subscribers, controlPort, serverPort;
  uint32_t firstSubscriberIndex;
  // Everything below only matters with `feedback`: TWCC each 50 … 100 ms, RR each second, STUN consent each 2.5 s, NACK
  // for `nackPermille` thousandths of the packets, as if they had been lost.
  bool feedback;
  int transportCcExtensionId;  // 0: no TWCC
  int nackPermille;
  std::string credentials;  // of each subscriber's transport: "ufrag pwd ufrag pwd …"
};
struct SinkResult {
  uint64_t packets, bytes, lost, reordered, rtx, feedbackSent, stunAnswers;
  double cpuUs, seconds, packetsPerSecond;
};
// Drains one socket a subscriber and checks sequence numbers, until any datagram reaches the control port.
SinkResult runSink(const SinkOptions& options);

}  // namespace bench

// The publishers: VP8 over SRTP at a steady packet rate, each from a socket of its own to one address.
#include "source.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "common.h"
#include "srtp.h"

namespace bench {

namespace {

constexpr int kFramesPerKeyframe = 60;

// One packet of the pattern that every frame repeats.
struct Turn {
  int publisher, encoding, index;
};

class Publisher {
 public:
  Publisher(const SourceOptions& o, int index)
      : fd_(udpSocket(o.firstLocalPort + index, 4 << 20)), gcm_(o.firstTransportIndex + index, 1, true),
        sequence_(o.packetsPerFrame.size(), o.firstSequence) {
    sockaddr_in to = loopback(o.targetPort);
    connect(fd_, (sockaddr*)&to, sizeof to);
  }
  ~Publisher() { close(fd_); }

  bool send(const SourceOptions& o, const Turn& t, uint64_t frame, std::vector<uint8_t>& payload) {
    uint32_t sequence = sequence_[t.encoding]++;
    bool first = t.index == 0, last = t.index == o.packetsPerFrame[t.encoding] - 1;
    bool keyframe = frame % kFramesPerKeyframe == 0;
    uint8_t header[12] = {0x80, uint8_t(o.payloadType | (last ? 0x80 : 0))};
    putU16(header + 2, uint16_t(sequence));
    putU32(header + 4, uint32_t(frame * 3000));
    putU32(header + 8, o.firstSsrc + 16 * t.publisher + t.encoding);
    // RFC 7741: X, S on the first packet; I, L, T; 15-bit picture id; TL0PICIDX; TID 0.
    payload[0] = first ? 0x90 : 0x80;
    payload[1] = 0xe0;
    putU16(payload.data() + 2, uint16_t(0x8000 | (frame & 0x7fff)));
    payload[4] = uint8_t(frame);
    payload[5] = 0;
    if (first) payload[6] = keyframe ? 0x10 : 0x11;
    if (first && keyframe) {
      const uint8_t start[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
      std::copy(start, start + 7, payload.begin() + 9);
    }
    int n = gcm_.protectRtp(header, 12, payload.data(), o.packetBytes - 12, sequence >> 16, out_);
    return ::send(fd_, out_, n, 0) == n;
  }

 private:
  int fd_;
  Gcm gcm_;
  std::vector<uint32_t> sequence_;
  uint8_t out_[1600];
};

}  // namespace

SourceResult runSource(const SourceOptions& o) {
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (int p = 0; p < o.publishers; p++) publishers.push_back(std::make_unique<Publisher>(o, p));
  std::vector<Turn> pattern;
  for (int e = 0; e < int(o.packetsPerFrame.size()); e++)
    for (int i = 0; i < o.packetsPerFrame[e]; i++)
      for (int p = 0; p < o.publishers; p++) pattern.push_back({p, e, i});
  std::vector<uint8_t> payload(o.packetBytes);
  std::iota(payload.begin(), payload.end(), 0);

  uint64_t sent = 0, failed = 0;
  const double gapNs = 1e9 / (o.packetsPerSecond * o.publishers);
  const uint64_t total = uint64_t(o.packetsPerSecond * o.publishers * o.durationMs / 1000.0);
  int64_t start = nowNs();
  for (uint64_t i = 0; i < total; i++) {
    int64_t due = start + int64_t(double(i) * gapNs), now = nowNs();
    if (due > now) {
      timespec t{(due - now) / 1000000000, (due - now) % 1000000000};
      nanosleep(&t, nullptr);
    }
    const Turn& turn = pattern[i % pattern.size()];
    if (publishers[turn.publisher]->send(o, turn, i / pattern.size(), payload))
      sent++;
    else
      failed++;
  }
  return {sent, failed, double(nowNs() - start) / 1e9};
}

}  // namespace bench

// The publisher: VP8 over SRTP at a steady packet rate, from one socket to one address.
#include "source.h"

#include <algorithm>

#include "common.h"
#include "srtp.h"

namespace bench {

// Paced evenly; a frame is `packetsPerFrame` packets, each 60th frame is a keyframe.
SourceResult runSource(const SourceOptions& o) {
  int fd = udpSocket(o.localPort, 4 << 20);
  sockaddr_in to = loopback(o.targetPort);
  connect(fd, (sockaddr*)&to, sizeof to);
  Gcm gcm(o.transportIndex, 1, true);
  std::vector<uint8_t> payload(o.packetBytes), out(o.packetBytes + 64);
  for (size_t i = 0; i < payload.size(); i++) payload[i] = uint8_t(i * 7);
  const int packetsPerFrame = 9;
  uint64_t sent = 0, failed = 0;
  int64_t start = nowNs();
  const double gapNs = 1e9 / o.packetsPerSecond;
  const uint64_t total = uint64_t(o.packetsPerSecond * o.durationMs / 1000.0);
  while (sent + failed < total) {
    uint64_t i = sent + failed;
    int64_t due = start + int64_t(double(i) * gapNs), now = nowNs();
    if (due > now) {
      timespec t{(due - now) / 1000000000, (due - now) % 1000000000};
      nanosleep(&t, nullptr);
    }
    uint64_t frame = i / packetsPerFrame;
    int inFrame = int(i % packetsPerFrame);
    uint32_t seq = uint32_t(o.firstSequence + i);
    uint8_t header[12];
    header[0] = 0x80;
    header[1] = uint8_t(o.payloadType | (inFrame == packetsPerFrame - 1 ? 0x80 : 0));
    putU16(header + 2, uint16_t(seq));
    putU32(header + 4, uint32_t(frame * 3000));
    putU32(header + 8, o.ssrc);
    // RFC 7741: X, S on the first packet; I, L, T; 15-bit picture id; TL0PICIDX; TID 0.
    payload[0] = inFrame == 0 ? 0x90 : 0x80;
    payload[1] = 0xe0;
    putU16(payload.data() + 2, uint16_t(0x8000 | (frame & 0x7fff)));
    payload[4] = uint8_t(frame);
    payload[5] = 0;
    if (inFrame == 0) payload[6] = frame % 60 == 0 ? 0x10 : 0x11;
    if (inFrame == 0 && frame % 60 == 0) {
      const uint8_t keyframe[] = {0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
      std::copy(keyframe, keyframe + 7, payload.begin() + 9);
    }
    int n = gcm.protectRtp(header, 12, payload.data(), o.packetBytes - 12, seq >> 16, out.data());
    if (send(fd, out.data(), n, 0) == n)
      sent++;
    else
      failed++;
  }
  double seconds = double(nowNs() - start) / 1e9;
  close(fd);
  return {sent, failed, seconds};
}

}  // namespace bench

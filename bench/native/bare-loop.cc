#include "bare-loop.h"

#include <poll.h>

#include <memory>

#include "common.h"
#include "srtp.h"

namespace bench {

namespace {

constexpr int kSlotBytes = 1536;
constexpr int kReceiveBatch = 64;

// Arrival of a datagram on CLOCK_REALTIME, from the control message that SO_TIMESTAMPNS asks for.
int64_t arrivalNs(msghdr& m) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec t;
      memcpy(&t, CMSG_DATA(c), sizeof t);
      return t.tv_sec * 1000000000ll + t.tv_nsec;
    }
  return nowNs(CLOCK_REALTIME);
}

class Fanout {
 public:
  Fanout(const BareLoopOptions& o, int fd)
      : o_(o), fd_(fd), out_(size_t(o.batch) * kSlotBytes), iov_(o.batch), msgs_(o.batch) {
    for (int i = 0; i < o.subscribers; i++) {
      gcm_.push_back(std::make_unique<Gcm>(o.firstSubscriberIndex + i, 0, true));
      to_.push_back(loopback(o.firstSubscriberPort + i));
    }
    for (int i = 0; i < o.batch; i++) {
      iov_[i].iov_base = &out_[size_t(i) * kSlotBytes];
      msgs_[i].msg_hdr = {};
      msgs_[i].msg_hdr.msg_iov = &iov_[i];
      msgs_[i].msg_hdr.msg_iovlen = 1;
      msgs_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
  }
  // One packet to everybody.
  void forward(const uint8_t* packet, int bytes, int64_t arrived) {
    int queued = 0;
    for (int s = 0; s < o_.subscribers; s++) {
      uint8_t header[64];
      memcpy(header, packet, 12);
      putU32(header + 8, 0x10000 + s);
      if (o_.extensionBytes > 0) writeExtension(header);
      iov_[queued].iov_len = gcm_[s]->protectRtp(header, 12 + o_.extensionBytes, packet + 12, bytes - 12, 0,
                                                 &out_[size_t(queued) * kSlotBytes]);
      msgs_[queued].msg_hdr.msg_name = &to_[s];
      if (++queued == o_.batch || s == o_.subscribers - 1) {
        flush(queued, arrived);
        queued = 0;
      }
    }
  }
  uint64_t sent = 0, refused = 0;
  DelayHistogram delays;

 private:
  // As many bytes of header extension as the system under test sends, so that sizes are the same.
  void writeExtension(uint8_t* header) {
    header[0] |= 0x10;
    putU16(header + 12, 0xbede);
    putU16(header + 14, uint16_t(o_.extensionBytes / 4 - 1));
    memset(header + 16, 0, o_.extensionBytes - 4);
  }
  void flush(int count, int64_t arrived) {
    int done = 0;
    while (done < count) {
      int n = sendmmsg(fd_, &msgs_[done], count - done, 0);
      if (n > 0) {
        done += n;
        sent += n;
      } else {
        done++;
        refused++;
      }
    }
    delays.add((nowNs(CLOCK_REALTIME) - arrived) / 1000, count);
  }
  const BareLoopOptions& o_;
  int fd_;
  std::vector<uint8_t> out_;
  std::vector<iovec> iov_;
  std::vector<mmsghdr> msgs_;
  std::vector<std::unique_ptr<Gcm>> gcm_;
  std::vector<sockaddr_in> to_;
};

}  // namespace

BareLoopResult runBareLoop(const BareLoopOptions& o) {
  int fd = udpSocket(o.localPort, 4 << 20), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  Gcm in(o.publisherIndex, 1, false);
  Fanout fanout(o, fd);
  std::vector<uint8_t> slots(kReceiveBatch * kSlotBytes);
  std::vector<uint8_t> control(kReceiveBatch * 64);
  iovec iov[kReceiveBatch];
  mmsghdr msgs[kReceiveBatch];
  uint64_t received = 0;
  uint32_t roc = 0;
  uint16_t lastSeq = 0;
  int64_t start = 0, deadline = nowNs() + int64_t(o.durationMs * 1e6) + 5000000000ll, last = 0;
  double cpuStart = 0, cpuEnd = 0, systemStart = 0, systemEnd = 0;
  while (nowNs() < deadline) {
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, 500) == 0 && received > 0) break;  // the source has ended
    for (int i = 0; i < kReceiveBatch; i++) {
      iov[i] = {&slots[size_t(i) * kSlotBytes], kSlotBytes};
      msgs[i].msg_hdr = {};
      msgs[i].msg_hdr.msg_iov = &iov[i];
      msgs[i].msg_hdr.msg_iovlen = 1;
      msgs[i].msg_hdr.msg_control = &control[i * 64];
      msgs[i].msg_hdr.msg_controllen = 64;
    }
    int n = recvmmsg(fd, msgs, kReceiveBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < n; i++) {
      uint8_t* packet = &slots[size_t(i) * kSlotBytes];
      if (msgs[i].msg_len < 12 + kTagBytes) continue;
      if (received == 0) {
        start = nowNs();
        cpuStart = cpuUs();
        systemStart = systemUs();
      }
      uint16_t seq = getU16(packet + 2);
      if (received > 0 && seq < lastSeq && lastSeq - seq > 0x8000) roc++;
      lastSeq = seq;
      int bytes = in.unprotectRtp(packet, msgs[i].msg_len, 12, roc);
      if (bytes < 0) continue;
      received++;
      fanout.forward(packet, bytes, arrivalNs(msgs[i].msg_hdr));
    }
    last = nowNs();
    cpuEnd = cpuUs();
    systemEnd = systemUs();
  }
  close(fd);
  const DelayHistogram& d = fanout.delays;
  return {received,        fanout.sent,      fanout.refused,   cpuEnd - cpuStart, systemEnd - systemStart, double(last - start) / 1e9,
          d.quantile(0.5), d.quantile(0.99), d.quantile(0.999)};
}

}  // namespace bench

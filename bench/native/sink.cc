#include "sink.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/epoll.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "common.h"
#include "srtp.h"

namespace bench {

namespace {

constexpr int kReceiveBatch = 32;
constexpr int kPacketBytes = 1600;
constexpr uint32_t kFeedbackSsrc = 0x5eed0000;

uint32_t crc32(const uint8_t* p, int n) {
  uint32_t c = 0xffffffff;
  for (int i = 0; i < n; i++) {
    c ^= p[i];
    for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
  }
  return ~c;
}

// What arrived since the last feedback, by transport-wide number.
struct Arrival {
  uint16_t number;
  int64_t us;
};

class Subscriber {
 public:
  Subscriber(const SinkOptions& o, int index, std::string ufrag, std::string password)
      : o_(o), index_(index), ufrag_(std::move(ufrag)), password_(std::move(password)), fd_(udpSocket(o.firstPort + index, 1 << 20)), gcm_(o.firstSubscriberIndex + index, 1, true) {
    sockaddr_in to = loopback(o.serverPort);
    connect(fd_, (sockaddr*)&to, sizeof to);
    random_ = 0x9e3779b9u * (index + 1);
    nextFeedbackUs_ = 50000 + nextRandom() % 50000;
    nextReportUs_ = nextRandom() % 1000000;
    nextConsentUs_ = nextRandom() % 500000;  // the first one is the nomination
  }
  ~Subscriber() { close(fd_); }
  int fd() const { return fd_; }

  void onDatagram(const uint8_t* p, int n, int64_t nowUs) {
    if (n < 12) return;
    if (p[0] < 4) {
      stunAnswers++;
      return;
    }
    if (p[0] < 128 || (p[1] >= 192 && p[1] <= 223)) return;
    onRtp(p, n, nowUs);
  }

  void onTime(int64_t nowUs, int64_t startUs) {
    int64_t t = nowUs - startUs;
    if (t >= nextFeedbackUs_) {
      nextFeedbackUs_ = t + 50000 + nextRandom() % 50000;
      sendFeedback();
    }
    if (t >= nextReportUs_) {
      nextReportUs_ = t + 1000000;
      sendReceiverReport();
    }
    if (t >= nextConsentUs_) {
      nextConsentUs_ = t + 2500000;
      sendConsent();
    }
  }

  uint64_t packets = 0, bytes = 0, lost = 0, reordered = 0, rtx = 0, feedbackSent = 0, stunAnswers = 0;

 private:
  uint32_t nextRandom() { return random_ = random_ * 1664525u + 1013904223u, random_ >> 8; }

  void onRtp(const uint8_t* p, int n, int64_t nowUs) {
    uint32_t ssrc = getU32(p + 8);
    uint16_t seq = getU16(p + 2);
    packets++;
    bytes += n;
    if (o_.feedback && o_.transportCcExtensionId) noteArrival(p, n, nowUs);
    if (ssrc & 1) {  // media has even numbers, RTX odd ones
      rtx++;
      return;
    }
    if (mediaSsrc_ == 0) mediaSsrc_ = ssrc;
    auto [stream, isNew] = expected_.try_emplace(ssrc, seq);
    uint16_t& expected = stream->second;
    int16_t ahead = int16_t(seq - expected);
    if (ahead < 0) {
      reordered++;
      if (lost > 0) lost--;
      return;
    }
    lost += ahead;
    expected = seq + 1;
    if (o_.feedback && ssrc == mediaSsrc_ && int(nextRandom() % 1000) < o_.nackPermille) nacks_.push_back(seq);
  }

  void noteArrival(const uint8_t* p, int n, int64_t nowUs) {
    if (!(p[0] & 0x10) || getU16(p + 12 + 4 * (p[0] & 15)) != 0xbede) return;
    int at = 16 + 4 * (p[0] & 15), end = at + 4 * getU16(p + at - 2);
    while (at < end && at < n) {
      if (p[at] == 0) {
        at++;
        continue;
      }
      int bytes = (p[at] & 15) + 1;
      if (p[at] >> 4 == o_.transportCcExtensionId && bytes == 2) arrivals_.push_back({getU16(p + at + 1), nowUs});
      at += 1 + bytes;
    }
  }

  void sendFeedback() {
    uint8_t p[1400];
    int n = 0;
    if (!arrivals_.empty()) n = writeTransportFeedback(p);
    if (!nacks_.empty() && n < 1200) {
      int at = n;
      p[n++] = 0x81;
      p[n++] = 205;
      n += 2;
      putU32(p + n, kFeedbackSsrc + index_);
      putU32(p + n + 4, mediaSsrc_);
      n += 8;
      for (size_t i = 0; i < nacks_.size() && n < 1300; i++, n += 4) {
        putU16(p + n, nacks_[i]);
        putU16(p + n + 2, 0);
      }
      putU16(p + at + 2, uint16_t((n - at) / 4 - 1));
      nacks_.clear();
    }
    if (n > 0) sendRtcp(p, n);
  }

  // draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1, two-bit status vectors, all deltas large or small.
  int writeTransportFeedback(uint8_t* p) {
    uint16_t base = arrivals_.front().number;
    int count = std::min<int>(uint16_t(arrivals_.back().number - base) + 1, 400);
    std::vector<int64_t> at(count, -1);
    for (const Arrival& a : arrivals_) {
      uint16_t i = a.number - base;
      if (i < count) at[i] = a.us;
    }
    arrivals_.clear();
    int64_t reference = at[0] / 64000;
    p[1] = 205;
    putU32(p + 4, kFeedbackSsrc + index_);
    putU32(p + 8, mediaSsrc_);
    putU16(p + 12, base);
    putU16(p + 14, uint16_t(count));
    putU32(p + 16, uint32_t(reference << 8) | feedbackCount_++);
    int n = 20;
    std::vector<int> deltas;
    int64_t previous = reference * 64000;
    for (int i = 0; i < count; i += 7) {
      uint16_t chunk = 0xc000;
      for (int k = 0; k < 7 && i + k < count; k++) {
        if (at[i + k] < 0) continue;
        int delta = int((at[i + k] - previous) / 250);
        previous += delta * 250ll;
        bool small = delta >= 0 && delta <= 255;
        deltas.push_back(small ? delta : 0x10000 | (delta & 0xffff));
        chunk |= (small ? 1 : 2) << (12 - 2 * k);
      }
      putU16(p + n, chunk);
      n += 2;
    }
    for (int d : deltas) {
      if (d & 0x10000) {
        putU16(p + n, uint16_t(d));
        n += 2;
      } else {
        p[n++] = uint8_t(d);
      }
    }
    int padding = (4 - n % 4) % 4;
    for (int i = 0; i < padding; i++) p[n++] = i == padding - 1 ? padding : 0;
    p[0] = 0x8f | (padding ? 0x20 : 0);
    putU16(p + 2, uint16_t(n / 4 - 1));
    return n;
  }

  void sendReceiverReport() {
    if (mediaSsrc_ == 0) return;
    uint8_t p[32] = {0x81, 201, 0, 7};
    putU32(p + 4, kFeedbackSsrc + index_);
    putU32(p + 8, mediaSsrc_);
    putU32(p + 16, uint16_t(expected_[mediaSsrc_] - 1));
    sendRtcp(p, 32);
  }

  void sendRtcp(const uint8_t* p, int n) {
    uint8_t out[1600];
    int bytes = gcm_.protectRtcp(p, n, rtcpIndex_++, out);
    if (send(fd_, out, bytes, 0) == bytes) feedbackSent++;
  }

  // RFC 8445 §7.1, RFC 7675: a binding request with USE-CANDIDATE, as a browser sends it.
  void sendConsent() {
    uint8_t p[256] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    for (int i = 8; i < 20; i++) p[i] = uint8_t(nextRandom());
    int n = 20;
    std::string username = ufrag_ + ":bench";
    n = attribute(p, n, 0x0006, (const uint8_t*)username.data(), int(username.size()));
    const uint8_t priority[4] = {0x6e, 0x7f, 0x1e, 0xff}, controlling[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    n = attribute(p, n, 0x0024, priority, 4);
    n = attribute(p, n, 0x802a, controlling, 8);
    n = attribute(p, n, 0x0025, nullptr, 0);
    putU16(p + 2, uint16_t(n - 20 + 24));
    uint8_t mac[20];
    unsigned int macBytes = 20;
    HMAC(EVP_sha1(), password_.data(), int(password_.size()), p, n, mac, &macBytes);
    n = attribute(p, n, 0x0008, mac, 20);
    putU16(p + 2, uint16_t(n - 20 + 8));
    uint8_t crc[4];
    putU32(crc, crc32(p, n) ^ 0x5354554e);
    n = attribute(p, n, 0x8028, crc, 4);
    send(fd_, p, n, 0);
  }

  static int attribute(uint8_t* p, int n, uint16_t type, const uint8_t* value, int bytes) {
    putU16(p + n, type);
    putU16(p + n + 2, uint16_t(bytes));
    if (bytes) memcpy(p + n + 4, value, bytes);
    int padded = (bytes + 3) & ~3;
    memset(p + n + 4 + bytes, 0, padded - bytes);
    return n + 4 + padded;
  }

  const SinkOptions& o_;
  int index_;
  std::string ufrag_, password_;
  int fd_;
  Gcm gcm_;
  uint32_t random_ = 1, mediaSsrc_ = 0, rtcpIndex_ = 1;
  std::unordered_map<uint32_t, uint16_t> expected_;
  uint8_t feedbackCount_ = 0;
  int64_t nextFeedbackUs_, nextReportUs_, nextConsentUs_;
  std::vector<Arrival> arrivals_;
  std::vector<uint16_t> nacks_;
};

}  // namespace

SinkResult runSink(const SinkOptions& o) {
  int control = udpSocket(o.controlPort, 1 << 16);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  std::istringstream credentials(o.credentials);
  for (int i = 0; i < o.subscribers; i++) {
    std::string ufrag, password;
    credentials >> ufrag >> password;
    subscribers.push_back(std::make_unique<Subscriber>(o, i, ufrag, password));
    epoll_event e{EPOLLIN, {}};
    e.data.u32 = uint32_t(i);
    epoll_ctl(poller, EPOLL_CTL_ADD, subscribers[i]->fd(), &e);
  }
  epoll_event e{EPOLLIN, {}};
  e.data.u32 = 0xffffffff;
  epoll_ctl(poller, EPOLL_CTL_ADD, control, &e);

  std::vector<uint8_t> buffers(kReceiveBatch * kPacketBytes);
  iovec iov[kReceiveBatch];
  mmsghdr msgs[kReceiveBatch];
  for (int i = 0; i < kReceiveBatch; i++) {
    iov[i] = {&buffers[size_t(i) * kPacketBytes], kPacketBytes};
    msgs[i].msg_hdr = {};
    msgs[i].msg_hdr.msg_iov = &iov[i];
    msgs[i].msg_hdr.msg_iovlen = 1;
  }
  epoll_event events[256];
  int64_t startUs = nowNs() / 1000, firstNs = 0, lastNs = 0, nextTickUs = startUs;
  double cpuStart = cpuUs();
  bool running = true;
  while (running) {
    int ready = epoll_wait(poller, events, 256, o.feedback ? 5 : 200);
    int64_t now = nowNs();
    for (int k = 0; k < ready; k++) {
      if (events[k].data.u32 == 0xffffffff) {
        running = false;
        continue;
      }
      Subscriber& s = *subscribers[events[k].data.u32];
      int n;
      while ((n = recvmmsg(s.fd(), msgs, kReceiveBatch, MSG_DONTWAIT, nullptr)) > 0) {
        for (int i = 0; i < n; i++) s.onDatagram(&buffers[size_t(i) * kPacketBytes], int(msgs[i].msg_len), now / 1000);
        if (firstNs == 0) firstNs = now;
        lastNs = now;
        if (n < kReceiveBatch) break;
      }
    }
    if (o.feedback && now / 1000 >= nextTickUs) {
      nextTickUs = now / 1000 + 5000;
      for (auto& s : subscribers) s->onTime(now / 1000, startUs);
    }
  }
  SinkResult r{};
  for (auto& s : subscribers) {
    r.packets += s->packets;
    r.bytes += s->bytes;
    r.lost += s->lost;
    r.reordered += s->reordered;
    r.rtx += s->rtx;
    r.feedbackSent += s->feedbackSent;
    r.stunAnswers += s->stunAnswers;
  }
  r.cpuUs = cpuUs() - cpuStart;
  r.seconds = double(lastNs - firstNs) / 1e9;
  r.packetsPerSecond = r.seconds > 0 ? double(r.packets) / r.seconds : 0;
  close(poller);
  close(control);
  return r;
}

}  // namespace bench

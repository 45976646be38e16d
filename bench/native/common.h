// Sockets, clocks and histograms that the three programs share.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

inline int64_t nowNs(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

inline double cpuUs() {
  rusage u;
  getrusage(RUSAGE_THREAD, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

// Of it in the kernel.
inline double systemUs() {
  rusage u;
  getrusage(RUSAGE_THREAD, &u);
  return u.ru_stime.tv_sec * 1e6 + u.ru_stime.tv_usec;
}

inline sockaddr_in loopback(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons(port);
  return a;
}

// A UDP socket on 127.0.0.1, non-blocking, with large buffers.
inline int udpSocket(int port, int bufferBytes) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("socket: out of descriptors?");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bufferBytes, sizeof bufferBytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bufferBytes, sizeof bufferBytes);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bufferBytes, sizeof bufferBytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bufferBytes, sizeof bufferBytes);
  sockaddr_in a = loopback(port);
  if (bind(fd, (sockaddr*)&a, sizeof a) != 0) {
    close(fd);
    throw std::runtime_error("bind 127.0.0.1:" + std::to_string(port) + " failed");
  }
  return fd;
}

inline int portOf(int fd) {
  sockaddr_in a{};
  socklen_t n = sizeof a;
  getsockname(fd, (sockaddr*)&a, &n);
  return ntohs(a.sin_port);
}

// Delays in microseconds, up to 1 s by buckets of 1 us.
class DelayHistogram {
 public:
  DelayHistogram() : buckets_(1000001) {}
  void add(int64_t us, uint32_t times = 1) {
    if (us < 0) us = 0;
    if (us > 1000000) us = 1000000;
    buckets_[us] += times;
    total_ += times;
  }
  double quantile(double q) const {
    uint64_t want = uint64_t(q * double(total_)), seen = 0;
    for (size_t i = 0; i < buckets_.size(); i++)
      if ((seen += buckets_[i]) > want) return double(i);
    return 0;
  }

 private:
  std::vector<uint32_t> buckets_;
  uint64_t total_ = 0;
};

}  // namespace bench

#include "udp_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "endpoint.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace cation {

int UdpSocket::open(const Options& options, const char** failedCall) {
  int error = bindTo(options, failedCall);
  if (error == 0) error = setOptions(options, failedCall);
  if (error != 0) close();
  return error;
}

int UdpSocket::bindTo(const Options& options, const char** failedCall) {
  // A port is needed to parse; the real one is put in below, since 0 is allowed here.
  Endpoint local;
  *failedCall = "bind";
  if (!Endpoint::parse(options.host.c_str(), 1, &local)) return EINVAL;
  local.port = options.port;
  family_ = local.isIpv4() ? AF_INET : AF_INET6;
  sockaddr_in6 address;
  const socklen_t addressBytes = local.toSocket(family_, &address);

  *failedCall = "socket";
  fd_ = ::socket(family_, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  const int off = 0;
  if (family_ == AF_INET6) setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  *failedCall = "bind";
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), addressBytes) != 0) return errno;

  *failedCall = "getsockname";
  sockaddr_storage bound;
  socklen_t boundBytes = sizeof bound;
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &boundBytes) != 0) return errno;
  Endpoint::fromSocket(bound, &local);
  port_ = local.port;
  return 0;
}

int UdpSocket::setOptions(const Options& options, const char** failedCall) {
  *failedCall = "setsockopt";
  const int on = 1;
  if (setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return errno;
  if (setsockopt(fd_, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0) return errno;
  receiveBufferBytes_ = setBuffer(SO_RCVBUF, SO_RCVBUFFORCE, options.bufferBytes);
  sendBufferBytes_ = setBuffer(SO_SNDBUF, SO_SNDBUFFORCE, options.bufferBytes);
  int segment = 0;
  socklen_t segmentBytes = sizeof segment;
  hasGso_ = getsockopt(fd_, IPPROTO_UDP, UDP_SEGMENT, &segment, &segmentBytes) == 0;
  return 0;
}

// Past the sysctl limit only with CAP_NET_ADMIN. The kernel reports twice what it grants (socket(7)).
int UdpSocket::setBuffer(int option, int forceOption, int bytes) {
  const auto granted = [&] {
    int value = 0;
    socklen_t valueBytes = sizeof value;
    getsockopt(fd_, SOL_SOCKET, option, &value, &valueBytes);
    return value / 2;
  };
  setsockopt(fd_, SOL_SOCKET, option, &bytes, sizeof bytes);
  if (granted() < bytes) setsockopt(fd_, SOL_SOCKET, forceOption, &bytes, sizeof bytes);
  return granted();
}

void UdpSocket::close() {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
}

double monotonicUs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000);
}

}  // namespace cation

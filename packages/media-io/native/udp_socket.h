// The bound UDP socket: non-blocking, with kernel timestamps and the overflow counter on.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace cation {

class UdpSocket {
 public:
  // Numeric host, port (0: any), wanted SO_RCVBUF and SO_SNDBUF.
  struct Options {
    std::string host;
    uint16_t port;
    int bufferBytes;
  };

  UdpSocket() = default;
  ~UdpSocket() { close(); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // Returns 0, or the errno of the step that failed, whose name is in `failedCall`.
  int open(const Options& options, const char** failedCall);
  // Idempotent. Nothing may be using the descriptor any more.
  void close();

  int fd() const { return fd_; }
  int family() const { return family_; }
  uint16_t port() const { return port_; }
  // What the kernel gave, in bytes as they were asked for.
  int receiveBufferBytes() const { return receiveBufferBytes_; }
  int sendBufferBytes() const { return sendBufferBytes_; }
  bool hasGso() const { return hasGso_; }

 private:
  int bindTo(const Options& options, const char** failedCall);
  int setOptions(const Options& options, const char** failedCall);
  int setBuffer(int option, int forceOption, int bytes);

  int fd_ = -1;
  int family_ = AF_INET;
  uint16_t port_ = 0;
  int receiveBufferBytes_ = 0;
  int sendBufferBytes_ = 0;
  bool hasGso_ = false;
};

// CLOCK_MONOTONIC in microseconds.
double monotonicUs();

}  // namespace cation

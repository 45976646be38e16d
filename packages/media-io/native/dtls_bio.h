// A BIO that keeps datagrams apart: what OpenSSL reads is one received datagram, what it writes is one to send.
#pragma once

#include <openssl/bio.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace cation {

// The two ends of one association. Must outlive the BIO.
struct DatagramPipe {
  // Received and not yet read; empty when `inboundBytes` is 0. Read whole, once.
  const uint8_t* inbound = nullptr;
  size_t inboundBytes = 0;
  std::function<void(const uint8_t*, size_t)> send;
};

// Largest datagram that is sent: below every path's MTU (RFC 6347 §4.1.1.1).
constexpr long kDatagramBytes = 1200;

struct BioMethodFree {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};
using BioMethodPtr = std::unique_ptr<BIO_METHOD, BioMethodFree>;

// The kind of BIO; null when out of memory. Must outlive its BIOs.
BioMethodPtr createDatagramBioMethod();

// A BIO on the pipe, owned by the caller; null when out of memory.
BIO* createDatagramBio(const BIO_METHOD* method, DatagramPipe* pipe);

}  // namespace cation

// A UDP peer, in the one spelling by which it is looked up: IPv4 inside IPv6 (RFC 4291 §2.5.5.2).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

namespace cation {

struct Endpoint {
  uint8_t address[16] = {};
  uint32_t scopeId = 0;
  uint16_t port = 0;

  bool isIpv4() const;

  bool operator==(const Endpoint& other) const {
    return port == other.port && scopeId == other.scopeId &&
           std::memcmp(address, other.address, sizeof address) == 0;
  }

  // From what the kernel reports. False for another family.
  static bool fromSocket(const sockaddr_storage& from, Endpoint* endpoint);

  // From a numeric address, with a zone if it has one ("fe80::1%eth0"). False for what is no address or port.
  static bool parse(const char* address, uint32_t port, Endpoint* endpoint);

  // As a socket of `family` takes it. Returns the length, 0 where the family cannot reach it.
  socklen_t toSocket(int family, sockaddr_in6* to) const;
};

struct EndpointHash {
  size_t operator()(const Endpoint& endpoint) const {
    uint64_t parts[2];
    std::memcpy(parts, endpoint.address, sizeof parts);
    uint64_t hash = parts[0] * 0x9e3779b97f4a7c15ULL ^ parts[1];
    hash = (hash ^ endpoint.port ^ uint64_t{endpoint.scopeId} << 32) * 0xff51afd7ed558ccdULL;
    return static_cast<size_t>(hash ^ hash >> 32);
  }
};

}  // namespace cation

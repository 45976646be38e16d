#include "endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstdlib>
#include <string>

namespace cation {

namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void setIpv4(const in_addr& address, Endpoint* endpoint) {
  std::memcpy(endpoint->address, kMappedPrefix, sizeof kMappedPrefix);
  std::memcpy(endpoint->address + sizeof kMappedPrefix, &address, sizeof address);
}

// A zone is an interface's name or number (RFC 4007 §11.2). 0 where there is no such interface.
uint32_t parseZone(const std::string& zone) {
  const unsigned named = if_nametoindex(zone.c_str());
  return named != 0 ? named : static_cast<uint32_t>(std::strtoul(zone.c_str(), nullptr, 10));
}

}  // namespace

bool Endpoint::isIpv4() const {
  return std::memcmp(address, kMappedPrefix, sizeof kMappedPrefix) == 0;
}

bool Endpoint::fromSocket(const sockaddr_storage& from, Endpoint* endpoint) {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    setIpv4(v4.sin_addr, endpoint);
    endpoint->scopeId = 0;
    endpoint->port = ntohs(v4.sin_port);
    return true;
  }
  if (from.ss_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
  std::memcpy(endpoint->address, &v6.sin6_addr, sizeof endpoint->address);
  endpoint->scopeId = v6.sin6_scope_id;
  endpoint->port = ntohs(v6.sin6_port);
  return true;
}

bool Endpoint::parse(const char* address, uint32_t port, Endpoint* endpoint) {
  if (port == 0 || port > 65535) return false;
  Endpoint parsed;
  parsed.port = static_cast<uint16_t>(port);
  in_addr v4;
  if (inet_pton(AF_INET, address, &v4) == 1) {
    setIpv4(v4, &parsed);
    *endpoint = parsed;
    return true;
  }
  const std::string text(address);
  const size_t zoneAt = text.find('%');
  if (inet_pton(AF_INET6, text.substr(0, zoneAt).c_str(), parsed.address) != 1) return false;
  if (zoneAt != std::string::npos) parsed.scopeId = parseZone(text.substr(zoneAt + 1));
  *endpoint = parsed;
  return true;
}

socklen_t Endpoint::toSocket(int family, sockaddr_in6* to) const {
  std::memset(to, 0, sizeof *to);
  if (family == AF_INET6) {
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    to->sin6_scope_id = scopeId;
    std::memcpy(&to->sin6_addr, address, sizeof address);
    return sizeof *to;
  }
  if (!isIpv4()) return 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(to);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  std::memcpy(&v4->sin_addr, address + sizeof kMappedPrefix, sizeof v4->sin_addr);
  return sizeof *v4;
}

}  // namespace cation

// What the backend knows of a transport, and how it is found by handle and by address.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "endpoint.h"
#include "packet_sender.h"
#include "srtp_cipher.h"
#include "srtp_receiver.h"

namespace cation {

// What sending a record reads stands in front, in one cache line.
struct alignas(64) Transport {
  enum class Remote { kNone, kUdp, kTcp };

  uint32_t handle = 0;
  Remote remote = Remote::kNone;
  // Which sender thread it is pinned to, where there are any.
  size_t thread = 0;
  // Used by one thread only: that of the transport, or the deciding one.
  std::unique_ptr<SrtpCipher> sealer;
  std::unique_ptr<Route> route;

  Endpoint endpoint;
  std::unique_ptr<SrtpReceiver> receiver;
  // Seals for TCP peers on the deciding thread, where `sealer` belongs to another. Made when first needed.
  std::unique_ptr<SrtpCipher> tcpSealer;
  SrtpProfile profile{};
  SessionKeys localRtp;
  SessionKeys localRtcp;
};

// Transports by handle (index in the low 16 bits) and by UDP address.
class TransportMap {
 public:
  Transport* find(uint32_t handle) {
    const size_t index = handle & 0xffff;
    if (index >= byIndex_.size()) return nullptr;
    Transport* transport = byIndex_[index].get();
    return transport && transport->handle == handle ? transport : nullptr;
  }

  // Asks for a transport's memory, which `find` will want soon.
  void prefetch(uint32_t handle) const {
    const size_t index = handle & 0xffff;
    if (index < byIndex_.size()) __builtin_prefetch(byIndex_[index].get());
  }

  Transport* find(const Endpoint& endpoint) {
    const auto found = byEndpoint_.find(endpoint);
    return found == byEndpoint_.end() ? nullptr : found->second;
  }

  // The table of handles is TypeScript's, which gives an index again only when it is free.
  Transport& open(uint32_t handle) {
    const size_t index = handle & 0xffff;
    if (index >= byIndex_.size()) byIndex_.resize(index + 1);
    byIndex_[index] = std::make_unique<Transport>();
    byIndex_[index]->handle = handle;
    return *byIndex_[index];
  }

  void close(Transport& transport) {
    clearRemote(transport);
    byIndex_[transport.handle & 0xffff].reset();
  }

  void setUdpRemote(Transport& transport, const Endpoint& endpoint) {
    clearRemote(transport);
    transport.remote = Transport::Remote::kUdp;
    transport.endpoint = endpoint;
    byEndpoint_[endpoint] = &transport;
  }

  void clearRemote(Transport& transport) {
    if (transport.remote == Transport::Remote::kUdp) byEndpoint_.erase(transport.endpoint);
    transport.remote = Transport::Remote::kNone;
  }

  template <typename Visit>
  void forEach(Visit visit) {
    for (auto& transport : byIndex_) {
      if (transport) visit(*transport);
    }
  }

 private:
  std::vector<std::unique_ptr<Transport>> byIndex_;
  std::unordered_map<Endpoint, Transport*, EndpointHash> byEndpoint_;
};

}  // namespace cation

// Datagrams to records: reads many a system call, sorts them (RFC 7983), opens SRTP straight into the packet store.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "packet_store.h"
#include "records.h"
#include "transport.h"
#include "udp_socket.h"

namespace cation {

struct ReceiveCounters {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  std::array<uint64_t, kDropReasons> drops{};
};

class PacketReceiver {
 public:
  // Datagrams of one system call, and so of one delivery.
  static constexpr size_t kBatch = 64;

  // Memory of TypeScript, each with room for kBatch entries; a datagram has kSlotBytes.
  struct Memory {
    ReceiveRecord* records = nullptr;
    DatagramRecord* datagrams = nullptr;
    uint8_t* scratch = nullptr;
  };

  PacketReceiver(const UdpSocket& socket, const PacketStore& store, TransportMap& transports);

  void useMemory(const Memory& memory);

  // Reads what is there, up to `limit` datagrams (1 … kBatch). False where nothing was; then no counts are set.
  bool receive(size_t limit);
  // Of the last `receive`.
  size_t recordCount() const { return recordCount_; }
  size_t datagramCount() const { return datagramCount_; }
  // The last `receive` found as many as it might: there may be more.
  bool mayHaveMore() const { return mayHaveMore_; }

  const ReceiveCounters& counters() const { return counters_; }

 private:
  struct Control {
    alignas(cmsghdr) uint8_t bytes[128];
  };
  // A received datagram.
  struct Datagram {
    const uint8_t* bytes;
    size_t length;
    Endpoint from;
    double arrivalUs;
  };

  void take(size_t position, double realToMonotonicUs, double nowUs);
  double readControl(msghdr& header, double realToMonotonicUs, double nowUs);
  void sort(const Datagram& datagram);
  void sortMedia(const Datagram& datagram);
  void handOn(const Datagram& datagram, const Transport* transport);
  void drop(DropReason reason) { counters_.drops[static_cast<size_t>(reason)]++; }

  const UdpSocket& socket_;
  PacketStore store_;
  TransportMap& transports_;
  Memory memory_;
  ReceiveCounters counters_;
  size_t recordCount_ = 0;
  size_t datagramCount_ = 0;
  bool mayHaveMore_ = false;
  uint32_t lastOverflow_ = 0;

  mmsghdr messages_[kBatch];
  iovec pieces_[kBatch];
  sockaddr_storage addresses_[kBatch];
  Control controls_[kBatch];
};

}  // namespace cation

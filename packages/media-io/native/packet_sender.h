// Records to datagrams: gathers, protects and sends, many packets a system call. One sender belongs to one thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "packet_store.h"
#include "records.h"
#include "srtp_cipher.h"
#include "udp_socket.h"

namespace cation {

// Where the records of a transport go, and with what key. Never changed once records refer to it: a new one takes its place.
struct alignas(64) Route {
  SrtpCipher* cipher = nullptr;
  sockaddr_in6 address{};
  socklen_t addressBytes = 0;
  // Set when the transport is closed or loses its address: what is still queued is dropped.
  std::atomic<bool> cancelled{false};
};

// What a sender needs of the thread that it belongs to.
class SenderHost {
 public:
  virtual ~SenderHost() = default;
  // What became of a packet; `fromRecord` is false for plain datagrams, of which only the count matters.
  virtual void complete(const CompletionRecord& completion, bool fromRecord) = 0;
  // The socket takes no more. True after waiting until it does; false to have the packets held until `resume`.
  virtual bool waitWritable() = 0;
};

// Messages sent by number of packets in them: 1 is a plain datagram, more a run of UDP GSO.
constexpr size_t kMaxRun = 64;
using RunHistogram = std::array<std::atomic<uint64_t>, kMaxRun + 1>;

class PacketSender {
 public:
  PacketSender(const UdpSocket& socket, const PacketStore& store, SenderHost& host, bool useGso);

  // Protects a record that has been checked by `isValid`. It is sent by the next `flush` at the latest. `route` is not
  // looked at after that.
  void add(const SendRecord& record, const Route& route);
  void flush();

  // Sends a datagram as it is, or holds a copy.
  void sendPlain(const uint8_t* bytes, size_t length, const sockaddr_in6& address,
                 socklen_t addressBytes);

  // Packets wait for the socket.
  bool holding() const { return !held_.empty(); }
  // Sends what is held, as far as the socket takes it.
  void resume();
  // Drops what is held for a transport.
  void cancelHeld(uint32_t transport);

  const RunHistogram& runs() const { return runs_; }

  // Whether a record makes sense: lengths inside their places, room for a header.
  static bool isValid(const SendRecord& record, uint32_t slotCount);

 private:
  static constexpr size_t kChunk = 64;
  static constexpr size_t kMaxHeld = 1024;
  // No power of two, so that buffers do not share cache sets.
  static constexpr size_t kBufferBytes = 2176;
  static_assert(kBufferBytes >= kMaxWireBytes && kBufferBytes % 64 == 0);

  // A protected packet on its way.
  struct Packet {
    uint32_t transport;
    uint32_t token;
    uint32_t wireBytes;
    bool fromRecord;
    socklen_t addressBytes;
    sockaddr_in6 address;
    const uint8_t* bytes;
  };
  struct HeldPacket {
    Packet packet;
    std::vector<uint8_t> bytes;
  };
  struct SegmentControl {
    alignas(cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
  };

  size_t seal(const SendRecord& record, SrtpCipher& cipher, uint8_t* out) const;
  // Keeps a copy until the socket takes it; gives it up where too many wait.
  void hold(const Packet& packet);
  // Returns how many were sent or given up; fewer than `count` where the socket takes no more.
  size_t sendPackets(const Packet* packets, size_t count);
  // Lays out messages for sendmmsg. Returns their number.
  size_t layOut(const Packet* packets, size_t count);
  size_t runLength(const Packet* packets, size_t count) const;
  void attachSegmentSize(size_t message, uint16_t segmentBytes);
  void finish(const Packet& packet, SendOutcome outcome, double nowUs);
  void refuse(const SendRecord& record, SendOutcome outcome);
  // After a refused run: smaller segments only, or none.
  void restrictGso(int error, size_t segmentBytes);

  const UdpSocket& socket_;
  const PacketStore& store_;
  SenderHost& host_;
  // Runs of packets of at most this length go as one message; 0 turns it off.
  size_t gsoMaxSegmentBytes_;

  std::unique_ptr<uint8_t[]> arena_;
  Packet chunk_[kChunk];
  size_t chunkCount_ = 0;
  std::deque<HeldPacket> held_;

  mmsghdr messages_[kChunk];
  iovec pieces_[kChunk];
  SegmentControl controls_[kChunk];
  size_t messagePackets_[kChunk];
  RunHistogram runs_{};
};

}  // namespace cation

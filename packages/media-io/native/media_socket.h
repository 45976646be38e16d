// The native backend without Node: transports, receiving, sending. Belongs to the deciding thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "endpoint.h"
#include "packet_receiver.h"
#include "packet_sender.h"
#include "packet_store.h"
#include "sender_thread.h"
#include "srtp_receiver.h"
#include "transport.h"
#include "udp_socket.h"

namespace cation {

// Since the start; packets count when their completion is taken.
struct SendCounters {
  uint64_t sentPackets = 0;
  uint64_t sentBytes = 0;
  std::array<uint64_t, kSendOutcomes> outcomes{};
};

class MediaSocket : public SenderHost {
 public:
  struct Options {
    UdpSocket::Options udp;
    size_t senderThreads = 0;
    bool useGso = true;
    // Called from sender threads when there are completions.
    std::function<void()> completionsReady;
    // Called on the deciding thread: the socket should be watched for room (true), or no more (false).
    std::function<void(bool)> watchWritable;
  };

  MediaSocket(const PacketStore& store, Options options);
  ~MediaSocket() override;

  // Returns 0, or the errno of the step that failed.
  int open(const char** failedCall);
  const UdpSocket& socket() const { return socket_; }

  void openTransport(uint32_t handle);
  void closeTransport(uint32_t handle);
  // Moves to an address that nobody else then holds.
  void setUdpRemote(uint32_t handle, const Endpoint& remote);
  // Records are left to TypeScript, which asks `protect` for their bytes.
  void setTcpRemote(uint32_t handle);
  void clearRemote(uint32_t handle);
  // Keys and salts have the profile's lengths. False if OpenSSL fails.
  bool setKeys(uint32_t handle, SrtpProfile profile, const uint8_t* localKey,
               const uint8_t* localSalt, const uint8_t* remoteKey, const uint8_t* remoteSalt);

  // Sends records. Writes the positions of those that are for TCP peers to `tcpPositions` (room for `count`), returns
  // their number.
  size_t send(const SendRecord* records, size_t count, uint32_t* tcpPositions);
  // Records that `send` was given so far.
  uint64_t recordsTaken() const { return recordsTaken_; }
  // False for an address that this socket cannot reach.
  bool sendPlain(const Endpoint& remote, const uint8_t* bytes, size_t length);
  // The socket has room again.
  void onWritable();

  // Protects a packet in place for a TCP peer. Returns its length, 0 where the transport has no keys.
  size_t protect(uint32_t handle, uint8_t* packet, size_t length, size_t headerBytes,
                 uint32_t index, PacketKind kind);
  // Opens a packet of a TCP peer in place.
  OpenResult unprotect(uint32_t handle, uint8_t* packet, size_t length, PacketKind kind);

  // Moves up to `room` completions out; returns their number.
  size_t takeCompletions(CompletionRecord* out, size_t room);
  bool hasCompletions() const { return completionsTaken_ < completions_.size(); }

  PacketReceiver& receiver() { return receiver_; }
  const SendCounters& sendCounters() const { return sendCounters_; }
  // Messages by packets in them; see RunHistogram.
  std::array<uint64_t, kMaxRun + 1> runs() const;

  // Stops the threads and closes the socket. Idempotent.
  void close();

 private:
  // What a sender thread may still be reading, and until when.
  struct Retired {
    SenderThread* thread;
    uint64_t position;
    std::unique_ptr<Route> route;
    std::unique_ptr<SrtpCipher> cipher;
  };

  void complete(const CompletionRecord& completion, bool fromRecord) override;
  bool waitWritable() override;
  // Asks for the memory that records behind the first of these will need.
  void prefetch(const SendRecord* records, size_t count);
  void submit(const SendRecord& record, const Transport& transport);
  void refuse(const SendRecord& record, SendOutcome outcome);
  void reapThreads();
  // Makes a new route from what the transport has now; the old one ends when no record refers to it. `cancel` drops those
  // that do. `oldCipher` is a cipher that the old route used and the transport no longer has.
  void replaceRoute(Transport& transport, bool cancel,
                    std::unique_ptr<SrtpCipher> oldCipher = nullptr);
  void loseRemote(Transport& transport);
  void collectRetired();
  size_t leastLoadedThread() const;

  PacketStore store_;
  Options options_;
  UdpSocket socket_;
  TransportMap transports_;
  PacketReceiver receiver_;
  std::unique_ptr<PacketSender> sender_;
  std::vector<std::unique_ptr<SenderThread>> threads_;
  std::vector<size_t> transportsOfThread_;
  std::vector<Retired> retired_;
  std::vector<CompletionRecord> completions_;
  size_t completionsTaken_ = 0;
  SendCounters sendCounters_;
  uint64_t recordsTaken_ = 0;
};

}  // namespace cation

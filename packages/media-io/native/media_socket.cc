#include "media_socket.h"

#include <algorithm>
#include <utility>

namespace cation {

namespace {

// Records ahead of the one being sent whose memory is asked for: their transports lie anywhere, and between two packets the
// kernel has pushed them out of the cache. Each step needs what the one before has fetched.
constexpr size_t kTransportAhead = 6;
constexpr size_t kRouteAhead = 4;
constexpr size_t kCipherAhead = 2;

}  // namespace

MediaSocket::MediaSocket(const PacketStore& store, Options options)
    : store_(store),
      options_(std::move(options)),
      receiver_(socket_, store, transports_) {}

MediaSocket::~MediaSocket() { close(); }

int MediaSocket::open(const char** failedCall) {
  const int error = socket_.open(options_.udp, failedCall);
  if (error != 0) return error;
  sender_ = std::make_unique<PacketSender>(socket_, store_, *this, options_.useGso);
  for (size_t i = 0; i < options_.senderThreads; i++) {
    threads_.push_back(std::make_unique<SenderThread>(socket_, store_, options_.useGso,
                                                      options_.completionsReady));
  }
  transportsOfThread_.assign(threads_.size(), 0);
  return 0;
}

void MediaSocket::openTransport(uint32_t handle) {
  Transport& transport = transports_.open(handle);
  if (threads_.empty()) return;
  transport.thread = leastLoadedThread();
  transportsOfThread_[transport.thread]++;
}

size_t MediaSocket::leastLoadedThread() const {
  const auto least = std::min_element(transportsOfThread_.begin(), transportsOfThread_.end());
  return static_cast<size_t>(least - transportsOfThread_.begin());
}

void MediaSocket::closeTransport(uint32_t handle) {
  Transport* transport = transports_.find(handle);
  if (!transport) return;
  loseRemote(*transport);
  std::unique_ptr<SrtpCipher> cipher = std::move(transport->sealer);
  replaceRoute(*transport, true, std::move(cipher));
  if (!threads_.empty()) transportsOfThread_[transport->thread]--;
  transports_.close(*transport);
}

void MediaSocket::setUdpRemote(uint32_t handle, const Endpoint& remote) {
  Transport* transport = transports_.find(handle);
  if (!transport) return;
  Transport* holder = transports_.find(remote);
  if (holder && holder != transport) loseRemote(*holder);
  transports_.setUdpRemote(*transport, remote);
  replaceRoute(*transport, false);
}

void MediaSocket::setTcpRemote(uint32_t handle) {
  Transport* transport = transports_.find(handle);
  if (!transport) return;
  transports_.clearRemote(*transport);
  transport->remote = Transport::Remote::kTcp;
}

void MediaSocket::clearRemote(uint32_t handle) {
  if (Transport* transport = transports_.find(handle)) loseRemote(*transport);
}

void MediaSocket::loseRemote(Transport& transport) {
  transports_.clearRemote(transport);
  replaceRoute(transport, true);
  if (sender_) sender_->cancelHeld(transport.handle);
}

bool MediaSocket::setKeys(uint32_t handle, SrtpProfile profile, const uint8_t* localKey,
                          const uint8_t* localSalt, const uint8_t* remoteKey,
                          const uint8_t* remoteSalt) {
  Transport* transport = transports_.find(handle);
  if (!transport) return true;
  SessionKeys localRtp, localRtcp, remoteRtp, remoteRtcp;
  if (!deriveSessionKeys(profile, localKey, localSalt, &localRtp, &localRtcp)) return false;
  if (!deriveSessionKeys(profile, remoteKey, remoteSalt, &remoteRtp, &remoteRtcp)) return false;
  auto sealer = SrtpCipher::create(profile, SrtpCipher::Direction::kSeal, localRtp, localRtcp);
  auto opener = SrtpCipher::create(profile, SrtpCipher::Direction::kOpen, remoteRtp, remoteRtcp);
  if (!sealer || !opener) return false;
  transport->receiver = std::make_unique<SrtpReceiver>(std::move(opener));
  transport->profile = profile;
  transport->localRtp = localRtp;
  transport->localRtcp = localRtcp;
  transport->tcpSealer.reset();
  std::swap(transport->sealer, sealer);
  replaceRoute(*transport, false, std::move(sealer));
  return true;
}

void MediaSocket::replaceRoute(Transport& transport, bool cancel,
                               std::unique_ptr<SrtpCipher> oldCipher) {
  auto route = std::make_unique<Route>();
  route->cipher = transport.sealer.get();
  if (transport.remote == Transport::Remote::kUdp) {
    route->addressBytes = transport.endpoint.toSocket(socket_.family(), &route->address);
  }
  std::swap(route, transport.route);
  if (route && cancel) route->cancelled.store(true, std::memory_order_relaxed);
  collectRetired();
  // Without threads no record outlives the call that brought it.
  if (threads_.empty() || !(route || oldCipher)) return;
  SenderThread* thread = threads_[transport.thread].get();
  retired_.push_back({thread, thread->submitted(), std::move(route), std::move(oldCipher)});
}

void MediaSocket::collectRetired() {
  const auto done = [](const Retired& retired) {
    return retired.thread->consumed() >= retired.position;
  };
  retired_.erase(std::remove_if(retired_.begin(), retired_.end(), done), retired_.end());
}

size_t MediaSocket::send(const SendRecord* records, size_t count, uint32_t* tcpPositions) {
  size_t tcpCount = 0;
  recordsTaken_ += count;
  for (size_t i = 0; i < count; i++) {
    prefetch(records + i, count - i);
    const SendRecord& record = records[i];
    const Transport* transport = transports_.find(record.transport);
    if (!transport || !transport->sealer || transport->remote == Transport::Remote::kNone) {
      refuse(record, SendOutcome::kNoTransport);
    } else if (!PacketSender::isValid(record, store_.slotCount())) {
      refuse(record, SendOutcome::kSocketError);
    } else if (transport->remote == Transport::Remote::kTcp) {
      tcpPositions[tcpCount++] = static_cast<uint32_t>(i);
    } else if (transport->route->addressBytes == 0) {
      refuse(record, SendOutcome::kSocketError);
    } else if (threads_.empty()) {
      sender_->add(record, *transport->route);
    } else {
      submit(record, *transport);
    }
  }
  sender_->flush();
  for (const auto& thread : threads_) thread->publish();
  return tcpCount;
}

void MediaSocket::prefetch(const SendRecord* records, size_t count) {
  if (count > kTransportAhead) transports_.prefetch(records[kTransportAhead].transport);
  if (count > kRouteAhead) {
    const Transport* transport = transports_.find(records[kRouteAhead].transport);
    if (transport) __builtin_prefetch(transport->route.get());
    if (transport) __builtin_prefetch(transport->sealer.get());
  }
  if (count > kCipherAhead) {
    const Transport* transport = transports_.find(records[kCipherAhead].transport);
    if (transport && transport->sealer) transport->sealer->prefetch();
  }
}

void MediaSocket::submit(const SendRecord& record, const Transport& transport) {
  SenderThread& thread = *threads_[transport.thread];
  if (thread.submit(record, *transport.route)) return;
  // Room is what has been reaped, which this turn of the event loop may not have done yet.
  reapThreads();
  if (!thread.submit(record, *transport.route)) refuse(record, SendOutcome::kQueueFull);
}

bool MediaSocket::sendPlain(const Endpoint& remote, const uint8_t* bytes, size_t length) {
  sockaddr_in6 address;
  const socklen_t addressBytes = remote.toSocket(socket_.family(), &address);
  if (addressBytes == 0) return false;
  sender_->sendPlain(bytes, length, address, addressBytes);
  return true;
}

void MediaSocket::onWritable() {
  sender_->resume();
  if (!sender_->holding()) options_.watchWritable(false);
}

size_t MediaSocket::protect(uint32_t handle, uint8_t* packet, size_t length, size_t headerBytes,
                            uint32_t index, PacketKind kind) {
  Transport* transport = transports_.find(handle);
  if (!transport || !transport->sealer) return 0;
  SrtpCipher* sealer = transport->sealer.get();
  if (!threads_.empty()) {
    if (!transport->tcpSealer) {
      transport->tcpSealer =
          SrtpCipher::create(transport->profile, SrtpCipher::Direction::kSeal, transport->localRtp,
                             transport->localRtcp);
    }
    sealer = transport->tcpSealer.get();
  }
  if (!sealer) return 0;
  if (kind == PacketKind::kRtcp) return sealer->sealRtcp(packet, length, index);
  return sealer->sealRtp({packet, length, packet, 0}, headerBytes, index, packet);
}

OpenResult MediaSocket::unprotect(uint32_t handle, uint8_t* packet, size_t length,
                                  PacketKind kind) {
  Transport* transport = transports_.find(handle);
  if (!transport) return OpenResult::dropped(DropReason::kUnknownSource);
  if (!transport->receiver) return OpenResult::dropped(DropReason::kNoKeys);
  SrtpReceiver& receiver = *transport->receiver;
  return kind == PacketKind::kRtcp ? receiver.openRtcp(packet, length, packet)
                                   : receiver.openRtp(packet, length, packet);
}

size_t MediaSocket::takeCompletions(CompletionRecord* out, size_t room) {
  reapThreads();
  const size_t count = std::min(room, completions_.size() - completionsTaken_);
  std::copy_n(completions_.begin() + static_cast<long>(completionsTaken_), count, out);
  completionsTaken_ += count;
  if (completionsTaken_ == completions_.size()) {
    completions_.clear();
    completionsTaken_ = 0;
  }
  return count;
}

void MediaSocket::reapThreads() {
  if (!retired_.empty()) collectRetired();
  for (const auto& thread : threads_) {
    thread->takeCompletions([this](const CompletionRecord& record) { complete(record, true); });
  }
}

void MediaSocket::complete(const CompletionRecord& completion, bool fromRecord) {
  sendCounters_.outcomes[completion.outcome]++;
  if (completion.outcome == static_cast<uint8_t>(SendOutcome::kSent)) {
    sendCounters_.sentPackets++;
    sendCounters_.sentBytes += completion.wireBytes;
  }
  if (fromRecord) completions_.push_back(completion);
}

void MediaSocket::refuse(const SendRecord& record, SendOutcome outcome) {
  CompletionRecord completion{};
  completion.transport = record.transport;
  completion.token = record.token;
  completion.outcome = static_cast<uint8_t>(outcome);
  completion.sentUs = monotonicUs();
  complete(completion, true);
}

// The deciding thread never waits: packets are held, and the event loop says when to go on.
bool MediaSocket::waitWritable() {
  options_.watchWritable(true);
  return false;
}

std::array<uint64_t, kMaxRun + 1> MediaSocket::runs() const {
  std::array<uint64_t, kMaxRun + 1> sum{};
  const auto add = [&sum](const RunHistogram& runs) {
    for (size_t i = 0; i < sum.size(); i++) sum[i] += runs[i].load(std::memory_order_relaxed);
  };
  if (sender_) add(sender_->runs());
  for (const auto& thread : threads_) add(thread->runs());
  return sum;
}

void MediaSocket::close() {
  for (const auto& thread : threads_) thread->stop();
  // After this nothing refers to what was retired.
  retired_.clear();
  socket_.close();
}

}  // namespace cation

#include "packet_sender.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace cation {

namespace {

constexpr size_t kRtpFixedHeaderBytes = 12;
// Of one message with all its segments: an IP packet holds 65,535 bytes with headers.
constexpr size_t kMaxRunBytes = 64000;
constexpr size_t kMinGsoSegmentBytes = 256;

bool sameAddress(const sockaddr_in6& a, socklen_t aBytes, const sockaddr_in6& b, socklen_t bBytes) {
  return aBytes == bBytes && std::memcmp(&a, &b, aBytes) == 0;
}

bool isBlocked(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

PacketSender::PacketSender(const UdpSocket& socket, const PacketStore& store, SenderHost& host,
                           bool useGso)
    : socket_(socket),
      store_(store),
      host_(host),
      gsoMaxSegmentBytes_(useGso && socket.hasGso() ? kMaxWireBytes : 0),
      arena_(new uint8_t[kChunk * kBufferBytes]) {}

bool PacketSender::isValid(const SendRecord& record, uint32_t slotCount) {
  if (record.prefixBytes > kSendPrefixMaxBytes || record.slot >= slotCount) return false;
  if (size_t{record.restOffset} + record.restBytes > kSlotBytes) return false;
  if (record.kind == static_cast<uint8_t>(PacketKind::kRtcp)) {
    return size_t{record.prefixBytes} + record.restBytes >= kRtcpClearBytes;
  }
  return record.kind == static_cast<uint8_t>(PacketKind::kRtp) &&
         record.headerBytes >= kRtpFixedHeaderBytes && record.headerBytes <= record.prefixBytes;
}

void PacketSender::add(const SendRecord& record, const Route& route) {
  if (route.cancelled.load(std::memory_order_relaxed)) {
    return refuse(record, SendOutcome::kNoTransport);
  }
  const bool fromSlot = record.restBytes > 0;
  if (fromSlot && !store_.holds(record.slot, record.generation)) {
    return refuse(record, SendOutcome::kSlotOverwritten);
  }
  Packet& packet = chunk_[chunkCount_];
  uint8_t* buffer = arena_.get() + chunkCount_ * kBufferBytes;
  const size_t wireBytes = seal(record, *route.cipher, buffer);
  // What was gathered while the slot was written again must not leave.
  if (fromSlot && !store_.stillHolds(record.slot, record.generation)) {
    return refuse(record, SendOutcome::kSlotOverwritten);
  }
  if (wireBytes == 0) return refuse(record, SendOutcome::kSocketError);
  packet.transport = record.transport;
  packet.token = record.token;
  packet.wireBytes = static_cast<uint32_t>(wireBytes);
  packet.fromRecord = true;
  packet.addressBytes = route.addressBytes;
  packet.address = route.address;
  packet.bytes = buffer;
  if (++chunkCount_ == kChunk) flush();
}

size_t PacketSender::seal(const SendRecord& record, SrtpCipher& cipher, uint8_t* out) const {
  const uint8_t* rest = store_.slot(record.slot) + record.restOffset;
  if (record.kind == static_cast<uint8_t>(PacketKind::kRtp)) {
    const Gather gather{record.prefix, record.prefixBytes, rest, record.restBytes};
    return cipher.sealRtp(gather, record.headerBytes, record.index, out);
  }
  std::memcpy(out, record.prefix, record.prefixBytes);
  std::memcpy(out + record.prefixBytes, rest, record.restBytes);
  const uint32_t index = record.index & ~kSrtcpEncryptedFlag;
  return cipher.sealRtcp(out, size_t{record.prefixBytes} + record.restBytes, index);
}

void PacketSender::flush() {
  const size_t count = chunkCount_;
  chunkCount_ = 0;
  // Behind what waits already, so that order is kept.
  const size_t taken = held_.empty() ? sendPackets(chunk_, count) : 0;
  for (size_t i = taken; i < count; i++) hold(chunk_[i]);
}

void PacketSender::sendPlain(const uint8_t* bytes, size_t length, const sockaddr_in6& address,
                             socklen_t addressBytes) {
  const Packet packet{0, 0, static_cast<uint32_t>(length), false, addressBytes, address, bytes};
  if (held_.empty() && sendPackets(&packet, 1) == 1) return;
  hold(packet);
}

void PacketSender::hold(const Packet& packet) {
  if (held_.size() >= kMaxHeld) return finish(packet, SendOutcome::kQueueFull, monotonicUs());
  HeldPacket& held = held_.emplace_back();
  held.bytes.assign(packet.bytes, packet.bytes + packet.wireBytes);
  held.packet = packet;
  held.packet.bytes = held.bytes.data();
}

void PacketSender::resume() {
  while (!held_.empty()) {
    Packet packets[kChunk];
    const size_t count = std::min(held_.size(), kChunk);
    for (size_t i = 0; i < count; i++) packets[i] = held_[i].packet;
    const size_t taken = sendPackets(packets, count);
    held_.erase(held_.begin(), held_.begin() + static_cast<long>(taken));
    if (taken < count) return;
  }
}

void PacketSender::cancelHeld(uint32_t transport) {
  const double nowUs = monotonicUs();
  for (const HeldPacket& held : held_) {
    if (held.packet.fromRecord && held.packet.transport == transport) {
      finish(held.packet, SendOutcome::kNoTransport, nowUs);
    }
  }
  const auto isTheirs = [transport](const HeldPacket& held) {
    return held.packet.fromRecord && held.packet.transport == transport;
  };
  held_.erase(std::remove_if(held_.begin(), held_.end(), isTheirs), held_.end());
}

size_t PacketSender::sendPackets(const Packet* packets, size_t count) {
  size_t done = 0;
  while (done < count) {
    const size_t messages = layOut(packets + done, count - done);
    const int sent = sendmmsg(socket_.fd(), messages_, static_cast<unsigned>(messages), 0);
    if (sent > 0) {
      const double nowUs = monotonicUs();
      for (int i = 0; i < sent; i++) {
        runs_[messagePackets_[i]].fetch_add(1, std::memory_order_relaxed);
        for (size_t j = 0; j < messagePackets_[i]; j++) {
          finish(packets[done++], SendOutcome::kSent, nowUs);
        }
      }
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (isBlocked(error)) {
      if (host_.waitWritable()) continue;
      return done;
    }
    if (messagePackets_[0] > 1) {
      restrictGso(error, packets[done].wireBytes);
      continue;
    }
    finish(packets[done++], SendOutcome::kSocketError, monotonicUs());
  }
  return done;
}

size_t PacketSender::layOut(const Packet* packets, size_t count) {
  size_t messages = 0;
  for (size_t first = 0; first < count; messages++) {
    const size_t run = runLength(packets + first, count - first);
    for (size_t i = first; i < first + run; i++) {
      pieces_[i] = {const_cast<uint8_t*>(packets[i].bytes), packets[i].wireBytes};
    }
    msghdr& header = messages_[messages].msg_hdr;
    header.msg_name = const_cast<sockaddr_in6*>(&packets[first].address);
    header.msg_namelen = packets[first].addressBytes;
    header.msg_iov = &pieces_[first];
    header.msg_iovlen = run;
    header.msg_control = nullptr;
    header.msg_controllen = 0;
    header.msg_flags = 0;
    if (run > 1) attachSegmentSize(messages, static_cast<uint16_t>(packets[first].wireBytes));
    messagePackets_[messages] = run;
    first += run;
  }
  return messages;
}

// Packets of one length to one address, the last of them perhaps shorter.
size_t PacketSender::runLength(const Packet* packets, size_t count) const {
  const Packet& first = packets[0];
  if (count == 1 || first.wireBytes > gsoMaxSegmentBytes_) return 1;
  const size_t most = std::min({count, kMaxRun, kMaxRunBytes / first.wireBytes});
  size_t run = 1;
  while (run < most) {
    const Packet& next = packets[run];
    if (next.wireBytes > first.wireBytes ||
        !sameAddress(first.address, first.addressBytes, next.address, next.addressBytes)) {
      break;
    }
    run++;
    if (next.wireBytes < first.wireBytes) break;
  }
  return run;
}

void PacketSender::attachSegmentSize(size_t message, uint16_t segmentBytes) {
  msghdr& header = messages_[message].msg_hdr;
  header.msg_control = controls_[message].bytes;
  header.msg_controllen = sizeof controls_[message].bytes;
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof segmentBytes);
  std::memcpy(CMSG_DATA(control), &segmentBytes, sizeof segmentBytes);
}

// EINVAL and EMSGSIZE: the segment does not fit this path's MTU. Anything else: the device or kernel cannot do it.
void PacketSender::restrictGso(int error, size_t segmentBytes) {
  const bool tooLong = error == EINVAL || error == EMSGSIZE;
  gsoMaxSegmentBytes_ = tooLong && segmentBytes > kMinGsoSegmentBytes ? segmentBytes - 1 : 0;
}

void PacketSender::finish(const Packet& packet, SendOutcome outcome, double nowUs) {
  CompletionRecord completion{};
  completion.transport = packet.transport;
  completion.token = packet.token;
  completion.outcome = static_cast<uint8_t>(outcome);
  completion.wireBytes = outcome == SendOutcome::kSent ? packet.wireBytes : 0;
  completion.sentUs = nowUs;
  host_.complete(completion, packet.fromRecord);
}

void PacketSender::refuse(const SendRecord& record, SendOutcome outcome) {
  CompletionRecord completion{};
  completion.transport = record.transport;
  completion.token = record.token;
  completion.outcome = static_cast<uint8_t>(outcome);
  completion.sentUs = monotonicUs();
  host_.complete(completion, true);
}

}  // namespace cation

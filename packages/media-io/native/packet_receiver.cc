#include "packet_receiver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bytes.h"

namespace cation {

namespace {

constexpr size_t kStunHeaderBytes = 20;
constexpr uint32_t kStunMagicCookie = 0x2112a442;
// A kernel timestamp older than this, or from the future, is the wall clock having been set.
constexpr double kMaxQueueingUs = 10e6;

bool isMedia(uint8_t first) { return first >= 128 && first <= 191; }
bool isStun(uint8_t first) { return first <= 3; }
bool isDtls(uint8_t first) { return first >= 20 && first <= 63; }

// RFC 5761 §4.
bool isRtcp(const uint8_t* packet, size_t length) {
  return length >= 2 && packet[1] >= 192 && packet[1] <= 223;
}

// RFC 8489 §5: cookie, and a length that is right and a multiple of four.
bool hasStunFrame(const uint8_t* bytes, size_t length) {
  return length >= kStunHeaderBytes && length % 4 == 0 && readU32(bytes + 4) == kStunMagicCookie &&
         readU16(bytes + 2) == length - kStunHeaderBytes;
}

double toUs(const timespec& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// What to add to wall-clock time for monotonic time, now.
double realToMonotonicOffsetUs(double nowUs) {
  timespec real;
  clock_gettime(CLOCK_REALTIME, &real);
  return nowUs - toUs(real);
}

}  // namespace

PacketReceiver::PacketReceiver(const UdpSocket& socket, const PacketStore& store,
                               TransportMap& transports)
    : socket_(socket), store_(store), transports_(transports) {}

void PacketReceiver::useMemory(const Memory& memory) {
  memory_ = memory;
  std::memset(messages_, 0, sizeof messages_);
  for (size_t i = 0; i < kBatch; i++) {
    pieces_[i] = {memory.scratch + i * kSlotBytes, kSlotBytes};
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = &addresses_[i];
    messages_[i].msg_hdr.msg_control = controls_[i].bytes;
  }
}

bool PacketReceiver::receive(size_t limit) {
  for (size_t i = 0; i < limit; i++) {
    messages_[i].msg_hdr.msg_namelen = sizeof addresses_[0];
    messages_[i].msg_hdr.msg_controllen = sizeof controls_[0].bytes;
  }
  int received;
  do {
    received = recvmmsg(socket_.fd(), messages_, static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
  } while (received < 0 && errno == EINTR);
  recordCount_ = 0;
  datagramCount_ = 0;
  mayHaveMore_ = received == static_cast<int>(limit);
  if (received <= 0) return false;
  const double nowUs = monotonicUs();
  const double offsetUs = realToMonotonicOffsetUs(nowUs);
  for (int i = 0; i < received; i++) take(static_cast<size_t>(i), offsetUs, nowUs);
  return true;
}

void PacketReceiver::take(size_t position, double realToMonotonicUs, double nowUs) {
  msghdr& header = messages_[position].msg_hdr;
  Datagram datagram;
  datagram.bytes = memory_.scratch + position * kSlotBytes;
  datagram.length = messages_[position].msg_len;
  datagram.arrivalUs = readControl(header, realToMonotonicUs, nowUs);
  if ((header.msg_flags & MSG_TRUNC) != 0) return drop(DropReason::kOversized);
  if (datagram.length == 0) return drop(DropReason::kTruncated);
  if (!Endpoint::fromSocket(addresses_[position], &datagram.from)) {
    return drop(DropReason::kUnknownSource);
  }
  sort(datagram);
}

// Reads the arrival time, and what the kernel dropped for want of room so far.
double PacketReceiver::readControl(msghdr& header, double realToMonotonicUs, double nowUs) {
  double arrivalUs = nowUs;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
      const double us = toUs(stamp) + realToMonotonicUs;
      if (us <= nowUs && us > nowUs - kMaxQueueingUs) arrivalUs = us;
    } else if (control->cmsg_type == SO_RXQ_OVFL) {
      uint32_t overflow;
      std::memcpy(&overflow, CMSG_DATA(control), sizeof overflow);
      counters_.drops[static_cast<size_t>(DropReason::kKernelOverflow)] +=
          static_cast<uint32_t>(overflow - lastOverflow_);
      lastOverflow_ = overflow;
    }
  }
  return static_cast<double>(static_cast<int64_t>(arrivalUs));
}

void PacketReceiver::sort(const Datagram& datagram) {
  const uint8_t first = datagram.bytes[0];
  if (isMedia(first)) return sortMedia(datagram);
  const bool stun = isStun(first);
  if (!stun && !isDtls(first)) return drop(DropReason::kUnknownProtocol);
  if (stun && !hasStunFrame(datagram.bytes, datagram.length)) {
    return drop(DropReason::kUnknownProtocol);
  }
  const Transport* transport = transports_.find(datagram.from);
  if (!stun && !transport) return drop(DropReason::kUnknownSource);
  handOn(datagram, transport);
}

void PacketReceiver::sortMedia(const Datagram& datagram) {
  Transport* transport = transports_.find(datagram.from);
  if (!transport) return drop(DropReason::kUnknownSource);
  if (!transport->receiver) return drop(DropReason::kNoKeys);
  const bool rtcp = isRtcp(datagram.bytes, datagram.length);
  const uint32_t slot = store_.prepare();
  uint8_t* target = store_.slot(slot);
  const OpenResult result = rtcp
                                ? transport->receiver->openRtcp(datagram.bytes, datagram.length, target)
                                : transport->receiver->openRtp(datagram.bytes, datagram.length, target);
  if (result.length < 0) return drop(result.reason);
  store_.commit(slot);
  counters_.packets++;
  counters_.bytes += datagram.length;
  ReceiveRecord& record = memory_.records[recordCount_++];
  record.transport = transport->handle;
  record.slot = slot;
  record.generation = store_.currentGeneration(slot);
  record.offset = 0;
  record.length = static_cast<uint16_t>(result.length);
  record.kind = static_cast<uint8_t>(rtcp ? PacketKind::kRtcp : PacketKind::kRtp);
  record.arrivalUs = datagram.arrivalUs;
}

void PacketReceiver::handOn(const Datagram& datagram, const Transport* transport) {
  counters_.packets++;
  counters_.bytes += datagram.length;
  DatagramRecord& record = memory_.datagrams[datagramCount_++];
  record.transport = transport ? transport->handle : 0;
  record.offset = static_cast<uint32_t>(datagram.bytes - memory_.scratch);
  record.length = static_cast<uint32_t>(datagram.length);
  record.port = datagram.from.port;
  record.family = datagram.from.isIpv4() ? 4 : 6;
  record.scopeId = datagram.from.scopeId;
  record.arrivalUs = datagram.arrivalUs;
  std::memcpy(record.address, datagram.from.address, sizeof record.address);
}

}  // namespace cation

#include "fake_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "../bytes.h"

namespace cation::test {

void FakeKernel::answer(std::initializer_list<int> answers) {
  const std::lock_guard<std::mutex> lock(mutex_);
  answers_.assign(answers);
}

void FakeKernel::block(bool blocked) {
  const std::lock_guard<std::mutex> lock(mutex_);
  blocked_ = blocked;
}

int FakeKernel::blockedCalls() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return blockedCalls_;
}

std::vector<SentMessage> FakeKernel::takeSent() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::move(sent_);
}

int FakeKernel::sendmmsg(mmsghdr* messages, unsigned count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (blocked_) {
    blockedCalls_++;
    errno = EAGAIN;
    return -1;
  }
  int most = static_cast<int>(count);
  if (!answers_.empty()) {
    const int answer = answers_.front();
    answers_.pop_front();
    if (answer < 0) {
      errno = -answer;
      return -1;
    }
    most = std::min(most, answer);
  }
  for (int i = 0; i < most; i++) {
    const msghdr& header = messages[i].msg_hdr;
    SentMessage message{};
    std::memcpy(&message.address, header.msg_name, header.msg_namelen);
    for (size_t piece = 0; piece < header.msg_iovlen; piece++) {
      const auto* bytes = static_cast<const uint8_t*>(header.msg_iov[piece].iov_base);
      message.packets.emplace_back(bytes, bytes + header.msg_iov[piece].iov_len);
    }
    if (header.msg_controllen > 0) {
      std::memcpy(&message.segmentBytes, CMSG_DATA(CMSG_FIRSTHDR(&header)), 2);
    }
    sent_.push_back(std::move(message));
  }
  return most;
}

FakeKernel& kernel() {
  static FakeKernel instance;
  return instance;
}

size_t FakeCipher::sealRtp(const Gather& packet, size_t, uint32_t rolloverCounter, uint8_t* out) {
  std::memcpy(out, packet.prefix, packet.prefixBytes);
  if (packet.restBytes > 0) std::memcpy(out + packet.prefixBytes, packet.rest, packet.restBytes);
  const size_t length = packet.prefixBytes + packet.restBytes;
  writeU32(out + length, rolloverCounter);
  return length + 4;
}

size_t FakeCipher::sealRtcp(uint8_t* packet, size_t length, uint32_t index) {
  writeU32(packet + length, index);
  return length + 4;
}

SendRecord rtpRecord(uint32_t transport, uint32_t token, uint16_t bytes) {
  SendRecord record{};
  record.transport = transport;
  record.token = token;
  record.index = token;
  record.prefixBytes = bytes;
  record.headerBytes = 12;
  return record;
}

void setPort(Route* route, SrtpCipher* cipher, uint16_t port) {
  auto* address = reinterpret_cast<sockaddr_in*>(&route->address);
  address->sin_family = AF_INET;
  address->sin_port = htons(port);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  route->addressBytes = sizeof *address;
  route->cipher = cipher;
}

}  // namespace cation::test

extern "C" int sendmmsg(int, mmsghdr* messages, unsigned count, int) {
  return cation::test::kernel().sendmmsg(messages, count);
}

#include "srtp_receiver.h"

#include "bytes.h"

namespace cation {

namespace {

constexpr size_t kFixedHeaderBytes = 12;
constexpr size_t kExtensionHeaderBytes = 4;
constexpr int64_t kCycle = 0x10000;
constexpr int64_t kHalfCycle = 0x8000;

// Length of fixed header, CSRCs and extension (RFC 3550 §5.1); 0 where they run past the end.
size_t rtpHeaderBytes(const uint8_t* packet, size_t length) {
  if (length < kFixedHeaderBytes) return 0;
  size_t headerBytes = kFixedHeaderBytes + 4 * static_cast<size_t>(packet[0] & 0x0f);
  if ((packet[0] & 0x10) != 0) {
    if (headerBytes + kExtensionHeaderBytes > length) return 0;
    headerBytes += kExtensionHeaderBytes + 4 * static_cast<size_t>(readU16(packet + headerBytes + 2));
  }
  return headerBytes <= length ? headerBytes : 0;
}

// The rollover counter that brings the number nearest to the highest index so far (RFC 3711 §3.3.1, appendix A); 0 before
// the first packet, negative for a packet from before the stream began.
int64_t estimateRolloverCounter(int64_t highest, uint16_t sequenceNumber) {
  if (highest < 0) return 0;
  const int64_t rolloverCounter = highest / kCycle;
  const int64_t difference = sequenceNumber - highest % kCycle;
  if (difference > kHalfCycle) return rolloverCounter - 1;
  if (difference < -kHalfCycle) return rolloverCounter + 1;
  return rolloverCounter;
}

// What the window says of an index, before the packet is authenticated. True where it is to be dropped.
bool refused(const ReplayWindow* window, int64_t index, DropReason* reason) {
  if (!window) return false;
  switch (window->check(index)) {
    case ReplayWindow::Verdict::kFresh:
      return false;
    case ReplayWindow::Verdict::kReplayed:
      *reason = DropReason::kReplayed;
      return true;
    case ReplayWindow::Verdict::kTooOld:
      *reason = DropReason::kTooOld;
      return true;
  }
  return true;
}

}  // namespace

ReplayWindow* SrtpReceiver::Streams::find(uint32_t ssrc) {
  if (last_ < ssrcs_.size() && ssrcs_[last_] == ssrc) return &windows_[last_];
  for (size_t i = 0; i < ssrcs_.size(); i++) {
    if (ssrcs_[i] != ssrc) continue;
    last_ = i;
    return &windows_[i];
  }
  return nullptr;
}

ReplayWindow* SrtpReceiver::Streams::add(uint32_t ssrc) {
  last_ = ssrcs_.size();
  ssrcs_.push_back(ssrc);
  return &windows_.emplace_back();
}

OpenResult SrtpReceiver::openRtp(const uint8_t* packet, size_t length, uint8_t* out) {
  const size_t headerBytes = rtpHeaderBytes(packet, length);
  if (headerBytes == 0 || length < headerBytes + cipher_->tagBytes()) {
    return OpenResult::dropped(DropReason::kTruncated);
  }
  const uint32_t ssrc = readU32(packet + 8);
  ReplayWindow* window = rtp_.find(ssrc);
  if (!window && rtp_.full()) return OpenResult::dropped(DropReason::kTooManySsrcs);
  const uint16_t sequenceNumber = readU16(packet + 2);
  const int64_t rolloverCounter =
      estimateRolloverCounter(window ? window->highest() : -1, sequenceNumber);
  if (rolloverCounter < 0 || rolloverCounter > UINT32_MAX) {
    return OpenResult::dropped(DropReason::kTooOld);
  }
  const int64_t index = rolloverCounter * kCycle + sequenceNumber;
  DropReason reason{};
  if (refused(window, index, &reason)) return OpenResult::dropped(reason);
  const long opened = cipher_->openRtp(packet, length, headerBytes,
                                       static_cast<uint32_t>(rolloverCounter), out);
  if (opened < 0) return OpenResult::dropped(DropReason::kBadTag);
  if (!window) window = rtp_.add(ssrc);
  window->accept(index);
  return OpenResult::opened(opened);
}

OpenResult SrtpReceiver::openRtcp(const uint8_t* packet, size_t length, uint8_t* out) {
  if (length < kRtcpClearBytes + cipher_->tagBytes() + kSrtcpIndexBytes) {
    return OpenResult::dropped(DropReason::kTruncated);
  }
  const uint32_t ssrc = readU32(packet + 4);
  const uint32_t trailer = readU32(packet + cipher_->rtcpIndexOffset(length));
  // WebRTC allows no NULL cipher (RFC 8827 §6.5).
  if ((trailer & kSrtcpEncryptedFlag) == 0) return OpenResult::dropped(DropReason::kBadTag);
  ReplayWindow* window = rtcp_.find(ssrc);
  if (!window && rtcp_.full()) return OpenResult::dropped(DropReason::kTooManySsrcs);
  const uint32_t index = trailer & ~kSrtcpEncryptedFlag;
  DropReason reason{};
  if (refused(window, index, &reason)) return OpenResult::dropped(reason);
  const long opened = cipher_->openRtcp(packet, length, index, out);
  if (opened < 0) return OpenResult::dropped(DropReason::kBadTag);
  if (!window) window = rtcp_.add(ssrc);
  window->accept(index);
  return OpenResult::opened(opened);
}

}  // namespace cation

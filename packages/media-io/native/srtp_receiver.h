// The receiving SRTP state of one transport: rollover counters and replay windows by ssrc. A stream exists, and its window
// moves, only once a packet of it has been authenticated. The same as SrtpContext in packages/media-io/src.
#pragma once

#include <memory>
#include <vector>

#include "replay_window.h"
#include "srtp_cipher.h"

namespace cation {

// The length of an opened packet, or why it was dropped.
struct OpenResult {
  long length;
  DropReason reason;

  static OpenResult opened(long length) { return {length, DropReason::kUnknownProtocol}; }
  static OpenResult dropped(DropReason reason) { return {-1, reason}; }
};

class SrtpReceiver {
 public:
  // Streams of each kind that a peer may open; more are refused.
  static constexpr size_t kMaxSsrcs = 512;

  explicit SrtpReceiver(std::unique_ptr<SrtpCipher> cipher) : cipher_(std::move(cipher)) {}

  // Authenticates and decrypts into `out`, which has room for `length` bytes and may be `packet`.
  OpenResult openRtp(const uint8_t* packet, size_t length, uint8_t* out);
  OpenResult openRtcp(const uint8_t* packet, size_t length, uint8_t* out);

 private:
  // The streams of one kind. Few, so they are searched one by one, the last one found first.
  class Streams {
   public:
    ReplayWindow* find(uint32_t ssrc);
    bool full() const { return ssrcs_.size() >= kMaxSsrcs; }
    ReplayWindow* add(uint32_t ssrc);

   private:
    std::vector<uint32_t> ssrcs_;
    std::vector<ReplayWindow> windows_;
    size_t last_ = 0;
  };

  std::unique_ptr<SrtpCipher> cipher_;
  Streams rtp_;
  Streams rtcp_;
};

}  // namespace cation

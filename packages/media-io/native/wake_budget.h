// How much of what waits in the socket one turn of the event loop takes: a packet for a thousand subscribers is a thousand
// packets to send, and timers, calls and other sockets want their turn too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cation {

class WakeBudget {
 public:
  // Packets to send in one turn: some milliseconds' work.
  static constexpr size_t kSends = 1024;

  // Datagrams to read next, at most `most`, so that what they cause is likely to fit. At least one.
  size_t datagrams(size_t most) const {
    const auto fitting = static_cast<size_t>(kSends / std::max(1.0, sendsPerDatagram_));
    return std::clamp<size_t>(fitting, 1, most);
  }

  // What reading some datagrams has caused.
  void note(size_t datagrams, uint64_t sends) {
    if (datagrams == 0) return;
    const double each = static_cast<double>(sends) / static_cast<double>(datagrams);
    sendsPerDatagram_ += (each - sendsPerDatagram_) / 4;
    spent_ += sends;
  }

  bool spent() const { return spent_ >= kSends; }
  // A new turn begins.
  void renew() { spent_ = 0; }

 private:
  double sendsPerDatagram_ = 0;
  uint64_t spent_ = 0;
};

}  // namespace cation

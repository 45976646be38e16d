// The replay list of one stream (RFC 3711 §3.3.2); the same as packages/media-io/src/replay-window.ts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cation {

class ReplayWindow {
 public:
  static constexpr int64_t kPackets = 1024;

  enum class Verdict { kFresh, kReplayed, kTooOld };

  // Highest index accepted, up to 48 bits; -1 before the first.
  int64_t highest() const { return highest_; }

  Verdict check(int64_t index) const {
    if (index > highest_) return Verdict::kFresh;
    if (index <= highest_ - kPackets) return Verdict::kTooOld;
    return (bits_[word(index)] & bit(index)) == 0 ? Verdict::kFresh : Verdict::kReplayed;
  }

  // Marks an index that `check` called fresh, once its packet has been authenticated.
  void accept(int64_t index) {
    if (index > highest_) {
      forget(index);
      highest_ = index;
    }
    bits_[word(index)] |= bit(index);
  }

 private:
  static size_t word(int64_t index) { return static_cast<size_t>(index % kPackets) / 64; }
  static uint64_t bit(int64_t index) { return uint64_t{1} << (index % 64); }

  // Clears the bits that the new highest index passes over: they stood for indices now too old.
  void forget(int64_t index) {
    if (index - highest_ >= kPackets) {
      std::memset(bits_, 0, sizeof bits_);
      return;
    }
    for (int64_t passed = highest_ + 1; passed <= index; passed++) {
      bits_[word(passed)] &= ~bit(passed);
    }
  }

  int64_t highest_ = -1;
  uint64_t bits_[kPackets / 64] = {};
};

}  // namespace cation

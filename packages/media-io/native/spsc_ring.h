// A bounded queue between one producing and one consuming thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace cation {

// `kCapacity` is a power of two. The producer writes entries with `at` and makes them visible with `publish`; the consumer
// reads up to `readable` and gives them back with `release`.
template <typename Entry, size_t kCapacity>
class SpscRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  SpscRing() : entries_(new Entry[kCapacity]) {}

  Entry& at(uint64_t position) { return entries_[position & (kCapacity - 1)]; }

  // Producer: all entries before `end` are written.
  void publish(uint64_t end) { published_.store(end, std::memory_order_release); }
  // Consumer: entries before this may be read.
  uint64_t readable() const { return published_.load(std::memory_order_acquire); }
  // Consumer: entries before `end` may be written again.
  void release(uint64_t end) { released_.store(end, std::memory_order_release); }
  // Producer: entries before this + kCapacity may be written.
  uint64_t released() const { return released_.load(std::memory_order_acquire); }

  static constexpr size_t capacity() { return kCapacity; }

 private:
  std::unique_ptr<Entry[]> entries_;
  alignas(64) std::atomic<uint64_t> published_{0};
  alignas(64) std::atomic<uint64_t> released_{0};
};

}  // namespace cation

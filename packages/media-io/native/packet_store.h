// The packet store as native code sees it: memory of TypeScript's RingPacketStore (ring-packet-store.ts), which holds it
// for as long as anything here uses it.
#pragma once

#include <atomic>
#include <cstdint>

#include "records.h"

namespace cation {

class PacketStore {
 public:
  PacketStore() = default;
  PacketStore(uint8_t* bytes, uint32_t* generations, uint32_t slotCount, uint32_t* head)
      : bytes_(bytes), generations_(generations), slotCount_(slotCount), head_(head) {}

  uint32_t slotCount() const { return slotCount_; }
  uint8_t* slot(uint32_t index) const { return bytes_ + size_t{index} * kSlotBytes; }

  // Deciding thread only. Makes the next slot writable: raises its generation. It becomes a packet's with `commit`; without
  // it the next `prepare` gives the same slot, so a flood of forged packets costs one slot and not the whole ring.
  uint32_t prepare() {
    const uint32_t slot = *head_ & (slotCount_ - 1);
    generation(slot).fetch_add(1, std::memory_order_relaxed);
    // The new number is visible before any new byte is.
    std::atomic_thread_fence(std::memory_order_release);
    return slot;
  }
  void commit(uint32_t slot) { *head_ = (slot + 1) & (slotCount_ - 1); }

  // Any thread: whether the slot still holds what a record meant. Called before the bytes are read and after.
  bool holds(uint32_t slot, uint32_t expected) const {
    return generation(slot).load(std::memory_order_acquire) == expected;
  }
  bool stillHolds(uint32_t slot, uint32_t expected) const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return generation(slot).load(std::memory_order_relaxed) == expected;
  }

  uint32_t currentGeneration(uint32_t slot) const {
    return generation(slot).load(std::memory_order_relaxed);
  }

 private:
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
                std::atomic<uint32_t>::is_always_lock_free);

  std::atomic<uint32_t>& generation(uint32_t slot) const {
    return reinterpret_cast<std::atomic<uint32_t>&>(generations_[slot]);
  }

  uint8_t* bytes_ = nullptr;
  uint32_t* generations_ = nullptr;
  uint32_t slotCount_ = 0;
  uint32_t* head_ = nullptr;
};

}  // namespace cation

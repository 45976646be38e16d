// A thread that protects and sends the records of the transports pinned to it, in the order in which they came.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "packet_sender.h"
#include "spsc_ring.h"

namespace cation {

class SenderThread : public SenderHost {
 public:
  // `wake` is called from the thread when there are completions; it must be safe there.
  SenderThread(const UdpSocket& socket, const PacketStore& store, bool useGso,
               std::function<void()> wake);
  ~SenderThread() override { stop(); }

  // Deciding thread: copies a checked record into the queue. False where the queue is full. The route must live until
  // `consumed` has passed `submitted`.
  bool submit(const SendRecord& record, const Route& route);
  // Deciding thread: lets the thread see what was submitted.
  void publish();

  // Positions in the queue, for whoever waits until a route is out of use.
  uint64_t submitted() const { return submitted_; }
  uint64_t consumed() const { return consumed_.load(std::memory_order_acquire); }

  // Deciding thread: hands over the completions so far.
  template <typename Visit>
  void takeCompletions(Visit visit) {
    const uint64_t end = completions_.readable();
    for (; reaped_ < end; reaped_++) visit(completions_.at(reaped_));
    completions_.release(reaped_);
  }

  const RunHistogram& runs() const { return sender_.runs(); }

  // Ends the thread; what it has not sent is dropped. Idempotent.
  void stop();

 private:
  static constexpr size_t kQueueRecords = 8192;
  // Records between two publications while a batch is being submitted.
  static constexpr uint64_t kPublishEvery = 64;

  struct Entry {
    SendRecord record;
    const Route* route;
  };

  void complete(const CompletionRecord& completion, bool fromRecord) override;
  bool waitWritable() override;
  void run();
  void waitForWork(uint64_t position);

  const UdpSocket& socket_;
  PacketSender sender_;
  std::function<void()> wake_;

  SpscRing<Entry, kQueueRecords> queue_;
  // As long as the queue: a record is accepted only if its completion has room.
  SpscRing<CompletionRecord, kQueueRecords> completions_;
  // Deciding thread.
  uint64_t submitted_ = 0;
  uint64_t published_ = 0;
  uint64_t reaped_ = 0;
  // Sender thread.
  uint64_t completed_ = 0;
  alignas(64) std::atomic<uint64_t> consumed_{0};

  std::atomic<bool> stopping_{false};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable workCame_;
  std::thread thread_;
};

}  // namespace cation

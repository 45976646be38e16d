#include "sender_thread.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace cation {

namespace {

// How long a thread waits for the socket before it looks whether it should stop.
constexpr int kPollTimeoutMs = 50;
// Records between two reports to the deciding thread.
constexpr uint64_t kRecordsARound = 64;

}  // namespace

SenderThread::SenderThread(const UdpSocket& socket, const PacketStore& store, bool useGso,
                           std::function<void()> wake)
    : socket_(socket),
      sender_(socket, store, *this, useGso),
      wake_(std::move(wake)),
      thread_([this] { run(); }) {}

bool SenderThread::submit(const SendRecord& record, const Route& route) {
  // Entries are free again when their completions have been taken, which is later than when they were read.
  if (submitted_ - reaped_ >= kQueueRecords) return false;
  Entry& entry = queue_.at(submitted_++);
  entry.record = record;
  entry.route = &route;
  if (submitted_ - published_ >= kPublishEvery) publish();
  return true;
}

void SenderThread::publish() {
  if (published_ == submitted_) return;
  published_ = submitted_;
  queue_.publish(published_);
  // Pairs with the fence in waitForWork: either the thread sees the work, or we see that it sleeps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!sleeping_.load(std::memory_order_relaxed)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  workCame_.notify_one();
}

void SenderThread::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    workCame_.notify_one();
  }
  thread_.join();
}

void SenderThread::run() {
  uint64_t position = 0;
  while (!stopping_.load(std::memory_order_acquire)) {
    const uint64_t readable = queue_.readable();
    if (position == readable) {
      waitForWork(position);
      continue;
    }
    const uint64_t end = std::min(readable, position + kRecordsARound);
    for (; position < end; position++) {
      const Entry& entry = queue_.at(position);
      sender_.add(entry.record, *entry.route);
    }
    sender_.flush();
    completions_.publish(completed_);
    consumed_.store(position, std::memory_order_release);
    wake_();
  }
}

void SenderThread::waitForWork(uint64_t position) {
  std::unique_lock<std::mutex> lock(mutex_);
  sleeping_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  workCame_.wait(lock, [&] {
    return queue_.readable() != position || stopping_.load(std::memory_order_acquire);
  });
  sleeping_.store(false, std::memory_order_relaxed);
}

void SenderThread::complete(const CompletionRecord& completion, bool /*fromRecord*/) {
  completions_.at(completed_++) = completion;
}

bool SenderThread::waitWritable() {
  pollfd descriptor{socket_.fd(), POLLOUT, 0};
  poll(&descriptor, 1, kPollTimeoutMs);
  return !stopping_.load(std::memory_order_acquire);
}

}  // namespace cation

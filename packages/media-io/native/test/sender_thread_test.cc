// Sender threads under the eyes of the sanitizers: order, completions, a full queue, and routes that go out of use.
#include "../sender_thread.h"

#include <chrono>

#include "../bytes.h"
#include "check.h"
#include "fake_socket.h"

namespace cation::test {

namespace {

constexpr size_t kQueueRecords = 8192;

struct Bench {
  Bench() {
    const char* failedCall = nullptr;
    CHECK(socket.open({"127.0.0.1", 0, 1 << 20}, &failedCall) == 0);
    store = memory.store();
    setPort(&route, &cipher, 1001);
    kernel().answer({});
    kernel().takeSent();
    thread = std::make_unique<SenderThread>(socket, store, false, [this] { wakes++; });
  }

  std::vector<CompletionRecord> waitForCompletions(size_t count) {
    std::vector<CompletionRecord> seen;
    while (seen.size() < count) {
      thread->takeCompletions([&](const CompletionRecord& record) { seen.push_back(record); });
      std::this_thread::yield();
    }
    return seen;
  }

  UdpSocket socket;
  StoreMemory memory{16};
  PacketStore store;
  FakeCipher cipher;
  Route route;
  std::atomic<int> wakes{0};
  std::unique_ptr<SenderThread> thread;
};

void recordsKeepTheirOrder() {
  Bench bench;
  uint32_t submitted = 0;
  uint32_t completed = 0;
  while (completed < 100000) {
    while (submitted < 100000 && bench.thread->submit(rtpRecord(1, submitted, 40), bench.route)) {
      submitted++;
    }
    bench.thread->publish();
    bench.thread->takeCompletions([&](const CompletionRecord& record) {
      CHECK(record.token == completed);
      CHECK(record.outcome == static_cast<uint8_t>(SendOutcome::kSent));
      completed++;
    });
  }
  CHECK(bench.thread->consumed() == bench.thread->submitted());
  CHECK(bench.wakes > 0);
  const auto sent = kernel().takeSent();
  CHECK(sent.size() == 100000);
  for (uint32_t i = 0; i < sent.size(); i++) CHECK(readU32(&sent[i].packets[0][40]) == i);
}

void theQueueIsBounded() {
  Bench bench;
  uint32_t accepted = 0;
  // Nothing is reaped, so nothing gets room again, however quick the thread is.
  while (bench.thread->submit(rtpRecord(1, accepted, 40), bench.route)) accepted++;
  CHECK(accepted == kQueueRecords);
  bench.thread->publish();
  CHECK(bench.waitForCompletions(accepted).size() == accepted);
  CHECK(bench.thread->submit(rtpRecord(1, 0, 40), bench.route));
}

void routesMayGoOnceConsumed() {
  Bench bench;
  for (uint32_t round = 0; round < 2000; round++) {
    auto cipher = std::make_unique<FakeCipher>();
    auto route = std::make_unique<Route>();
    setPort(route.get(), cipher.get(), 1001);
    for (uint32_t i = 0; i < 10; i++) CHECK(bench.thread->submit(rtpRecord(1, i, 40), *route));
    bench.thread->publish();
    route->cancelled.store(true, std::memory_order_relaxed);
    const uint64_t position = bench.thread->submitted();
    while (bench.thread->consumed() < position) std::this_thread::yield();
    route.reset();
    cipher.reset();
    CHECK(bench.waitForCompletions(10).size() == 10);
  }
}

void slotsAreWrittenMeanwhile() {
  Bench bench;
  size_t outcomes[kSendOutcomes] = {};
  size_t completed = 0;
  for (uint32_t token = 0; token < 50000; token++) {
    // Not the bytes: a race on those is the point of the generations, and the sanitizer would call it one.
    const uint32_t slot = bench.store.prepare();
    SendRecord record = rtpRecord(1, token, 40);
    record.slot = slot;
    record.generation = bench.store.currentGeneration(slot);
    record.restBytes = 1000;
    bench.store.commit(slot);
    while (!bench.thread->submit(record, bench.route)) {
      bench.thread->takeCompletions([&](const CompletionRecord& seen) {
        outcomes[seen.outcome]++;
        completed++;
      });
    }
    bench.thread->publish();
  }
  for (const CompletionRecord& seen : bench.waitForCompletions(50000 - completed)) {
    outcomes[seen.outcome]++;
  }
  const size_t sent = outcomes[static_cast<size_t>(SendOutcome::kSent)];
  const size_t late = outcomes[static_cast<size_t>(SendOutcome::kSlotOverwritten)];
  CHECK(sent + late == 50000);
  CHECK(kernel().takeSent().size() == sent);
}

void aThreadStopsWhileTheSocketIsFull() {
  Bench bench;
  kernel().block(true);
  CHECK(bench.thread->submit(rtpRecord(1, 1, 40), bench.route));
  bench.thread->publish();
  while (bench.thread->consumed() == 0 && kernel().blockedCalls() == 0) std::this_thread::yield();
  CHECK(bench.thread->consumed() == 0);
  bench.thread->stop();
  bench.thread->stop();
  kernel().block(false);
}

}  // namespace

}  // namespace cation::test

int main() {
  using namespace cation::test;
  recordsKeepTheirOrder();
  theQueueIsBounded();
  routesMayGoOnceConsumed();
  slotsAreWrittenMeanwhile();
  aThreadStopsWhileTheSocketIsFull();
  std::puts("sender_thread_test: ok");
  return 0;
}

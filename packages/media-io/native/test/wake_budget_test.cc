// One turn of the event loop takes no more than its share, whatever the fan-out.
#include "../wake_budget.h"

#include <cstdio>

#include "check.h"

namespace cation::test {

namespace {

constexpr size_t kBatch = 64;

// Sends of one turn in which 10,000 datagrams wait, each for `fanOut` subscribers.
uint64_t sendsOfTurn(WakeBudget& budget, uint64_t fanOut) {
  budget.renew();
  uint64_t sends = 0;
  for (size_t waiting = 10000; waiting > 0 && !budget.spent();) {
    const size_t datagrams = budget.datagrams(kBatch);
    CHECK(datagrams >= 1 && datagrams <= kBatch);
    budget.note(datagrams, datagrams * fanOut);
    sends += datagrams * fanOut;
    waiting -= datagrams;
  }
  return sends;
}

}  // namespace

void run() {
  for (const uint64_t fanOut : {1u, 10u, 500u, 1000u, 5000u}) {
    WakeBudget budget;
    for (int turn = 0; turn < 20; turn++) sendsOfTurn(budget, fanOut);
    const uint64_t sends = sendsOfTurn(budget, fanOut);
    CHECK(sends >= WakeBudget::kSends);
    CHECK(sends < WakeBudget::kSends * 2 + fanOut);
  }
  // Nothing is sent: whole batches, and the budget lasts.
  WakeBudget idle;
  CHECK(sendsOfTurn(idle, 0) == 0);
  CHECK(idle.datagrams(kBatch) == kBatch);
}

}  // namespace cation::test

int main() {
  cation::test::run();
  std::puts("wake_budget_test: ok");
  return 0;
}

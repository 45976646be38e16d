// What PacketSender does when the kernel does not simply take everything. Loopback sockets never refuse, so this has a
// kernel of its own.
#include "../packet_sender.h"

#include <arpa/inet.h>

#include <cstring>
#include <functional>

#include "../bytes.h"
#include "check.h"
#include "fake_socket.h"

namespace cation::test {

namespace {

class Host : public SenderHost {
 public:
  void complete(const CompletionRecord& completion, bool fromRecord) override {
    if (fromRecord) completions.push_back(completion);
    else plain.push_back(completion);
  }
  bool waitWritable() override {
    waits++;
    return writable;
  }

  std::vector<CompletionRecord> takeCompletions() { return std::move(completions); }

  std::vector<CompletionRecord> completions;
  std::vector<CompletionRecord> plain;
  bool writable = false;
  int waits = 0;
};

struct Bench {
  explicit Bench(bool gso = true) {
    const char* failedCall = nullptr;
    CHECK(socket.open({"127.0.0.1", 0, 1 << 20}, &failedCall) == 0);
    store = memory.store();
    sender = std::make_unique<PacketSender>(socket, store, host, gso);
    setPort(&a, &cipher, 1001);
    setPort(&b, &cipher, 1002);
    kernel().answer({});
    kernel().takeSent();
  }

  void expect(std::initializer_list<std::pair<uint32_t, SendOutcome>> expected) {
    const auto seen = host.takeCompletions();
    CHECK(seen.size() == expected.size());
    size_t i = 0;
    for (const auto& [token, outcome] : expected) {
      CHECK(seen[i].token == token);
      CHECK(seen[i].outcome == static_cast<uint8_t>(outcome));
      i++;
    }
  }

  UdpSocket socket;
  StoreMemory memory{16};
  PacketStore store;
  Host host;
  FakeCipher cipher;
  Route a, b;
  std::unique_ptr<PacketSender> sender;
};

std::vector<size_t> runsOf(const std::vector<SentMessage>& messages) {
  std::vector<size_t> runs;
  for (const SentMessage& message : messages) {
    runs.push_back(message.packets.size());
    CHECK((message.segmentBytes != 0) == (message.packets.size() > 1));
    if (message.segmentBytes != 0) CHECK(message.segmentBytes == message.packets[0].size());
  }
  return runs;
}

void runsOfOnePeerGoTogether() {
  Bench bench;
  uint32_t token = 0;
  const auto add = [&](const Route& route, uint16_t bytes) {
    bench.sender->add(rtpRecord(1, token++, bytes), route);
  };
  for (int i = 0; i < 3; i++) add(bench.a, 90);
  add(bench.a, 50);  // shorter: ends the run
  add(bench.a, 90);  // a run of two
  add(bench.a, 90);
  add(bench.b, 90);  // another peer
  add(bench.a, 50);
  add(bench.a, 90);  // longer than the first: not with it
  bench.sender->flush();
  const auto sent = kernel().takeSent();
  CHECK((runsOf(sent) == std::vector<size_t>{4, 2, 1, 1, 1}));
  CHECK(ntohs(reinterpret_cast<const sockaddr_in&>(sent[2].address).sin_port) == 1002);
  const auto completions = bench.host.takeCompletions();
  CHECK(completions.size() == token);
  for (uint32_t i = 0; i < token; i++) CHECK(completions[i].token == i);
  CHECK(bench.sender->runs()[4] == 1 && bench.sender->runs()[2] == 1);
  CHECK(bench.sender->runs()[1] == 3);
}

void runsEndAtTheChunk() {
  Bench bench;
  for (uint32_t i = 0; i < 130; i++) bench.sender->add(rtpRecord(1, i, 96), bench.a);
  bench.sender->flush();
  CHECK((runsOf(kernel().takeSent()) == std::vector<size_t>{64, 64, 2}));
  CHECK(bench.host.completions.size() == 130);
}

void withoutGsoAllGoAlone() {
  Bench bench(false);
  for (uint32_t i = 0; i < 5; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  CHECK((runsOf(kernel().takeSent()) == std::vector<size_t>{1, 1, 1, 1, 1}));
}

void aRefusedRunGoesOneByOne() {
  // The device cannot: never again.
  Bench bench;
  kernel().answer({-EIO});
  for (uint32_t i = 0; i < 3; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  CHECK((runsOf(kernel().takeSent()) == std::vector<size_t>{1, 1, 1}));
  for (uint32_t i = 3; i < 5; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  CHECK((runsOf(kernel().takeSent()) == std::vector<size_t>{1, 1}));
  bench.expect({{0, SendOutcome::kSent},
                {1, SendOutcome::kSent},
                {2, SendOutcome::kSent},
                {3, SendOutcome::kSent},
                {4, SendOutcome::kSent}});
}

void aRunTooLongForThePathShrinksTheLimit() {
  Bench bench;
  uint8_t* slot = bench.store.slot(bench.store.prepare());
  std::memset(slot, 1, kSlotBytes);
  const auto big = [&](uint32_t token) {
    SendRecord record = rtpRecord(1, token, 90);
    record.slot = 0;
    record.generation = bench.store.currentGeneration(0);
    record.restBytes = 1400;
    return record;
  };
  kernel().answer({-EINVAL});
  for (uint32_t i = 0; i < 2; i++) bench.sender->add(big(i), bench.a);
  for (uint32_t i = 2; i < 4; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  CHECK((runsOf(kernel().takeSent()) == std::vector<size_t>{1, 1, 2}));
}

void partOfABatchIsTakenUpWhereItEnded() {
  Bench bench(false);
  kernel().answer({2, -EINTR, 1, -ENETUNREACH});
  for (uint32_t i = 0; i < 6; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  const auto sent = kernel().takeSent();
  CHECK(sent.size() == 5);
  // The fake cipher puts the index, here the token, at the end.
  const uint32_t tokens[] = {0, 1, 2, 4, 5};
  for (size_t i = 0; i < sent.size(); i++) CHECK(readU32(&sent[i].packets[0][60]) == tokens[i]);
  bench.expect({{0, SendOutcome::kSent},
                {1, SendOutcome::kSent},
                {2, SendOutcome::kSent},
                {3, SendOutcome::kSocketError},
                {4, SendOutcome::kSent},
                {5, SendOutcome::kSent}});
}

void aFullSocketHoldsPacketsInOrder() {
  Bench bench(false);
  kernel().answer({2, -EAGAIN});
  for (uint32_t i = 0; i < 4; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  CHECK(bench.sender->holding() && bench.host.waits == 1);
  // Later ones queue up behind, without another try.
  bench.sender->add(rtpRecord(1, 4, 60), bench.a);
  bench.sender->flush();
  CHECK(bench.host.waits == 1);
  bench.expect({{0, SendOutcome::kSent}, {1, SendOutcome::kSent}});
  kernel().answer({1, -EAGAIN});
  bench.sender->resume();
  CHECK(bench.sender->holding());
  bench.sender->resume();
  CHECK(!bench.sender->holding());
  bench.expect({{2, SendOutcome::kSent}, {3, SendOutcome::kSent}, {4, SendOutcome::kSent}});
  const auto sent = kernel().takeSent();
  for (uint32_t i = 0; i < 5; i++) CHECK(readU32(&sent[i].packets[0][60]) == i);
}

void whatIsHeldIsBounded() {
  Bench bench(false);
  kernel().answer({-EAGAIN});
  constexpr uint32_t kHeld = 1024;
  for (uint32_t i = 0; i < kHeld + 10; i++) bench.sender->add(rtpRecord(1, i, 60), bench.a);
  bench.sender->flush();
  auto dropped = bench.host.takeCompletions();
  CHECK(dropped.size() == 10);
  CHECK(dropped[0].token == kHeld);
  CHECK(dropped[0].outcome == static_cast<uint8_t>(SendOutcome::kQueueFull));
  const uint8_t plain[3] = {1, 2, 3};
  bench.sender->sendPlain(plain, sizeof plain, bench.a.address, bench.a.addressBytes);
  CHECK(bench.host.plain.size() == 1);
  bench.sender->resume();
  CHECK(bench.host.takeCompletions().size() == kHeld);
}

void aClosedTransportsHeldPacketsAreDropped() {
  Bench bench(false);
  kernel().answer({-EAGAIN});
  bench.sender->add(rtpRecord(1, 1, 60), bench.a);
  bench.sender->add(rtpRecord(2, 2, 60), bench.b);
  bench.sender->add(rtpRecord(1, 3, 60), bench.a);
  bench.sender->flush();
  bench.sender->cancelHeld(1);
  bench.expect({{1, SendOutcome::kNoTransport}, {3, SendOutcome::kNoTransport}});
  bench.sender->resume();
  bench.expect({{2, SendOutcome::kSent}});
  bench.a.cancelled = true;
  bench.sender->add(rtpRecord(1, 4, 60), bench.a);
  bench.expect({{4, SendOutcome::kNoTransport}});
}

// A cipher in whose hands the slot is written again.
class SlowCipher : public FakeCipher {
 public:
  size_t sealRtp(const Gather& packet, size_t headerBytes, uint32_t index, uint8_t* out) override {
    duringSeal();
    return FakeCipher::sealRtp(packet, headerBytes, index, out);
  }
  std::function<void()> duringSeal = [] {};
};

void aSlotOverwrittenWhileGatheredNeverLeaves() {
  Bench bench(false);
  SlowCipher slow;
  setPort(&bench.a, &slow, 1001);
  const uint32_t slot = bench.store.prepare();
  SendRecord record = rtpRecord(1, 1, 60);
  record.slot = slot;
  record.generation = bench.store.currentGeneration(slot);
  record.restBytes = 100;
  bench.sender->add(record, bench.a);
  slow.duringSeal = [&] { bench.store.prepare(); };
  record.token = 2;
  bench.sender->add(record, bench.a);
  slow.duringSeal = [] {};
  record.token = 3;
  bench.sender->add(record, bench.a);
  bench.sender->flush();
  bench.expect({{2, SendOutcome::kSlotOverwritten},
                {3, SendOutcome::kSlotOverwritten},
                {1, SendOutcome::kSent}});
  CHECK(kernel().takeSent().size() == 1);
}

}  // namespace

}  // namespace cation::test

int main() {
  using namespace cation::test;
  runsOfOnePeerGoTogether();
  runsEndAtTheChunk();
  withoutGsoAllGoAlone();
  aRefusedRunGoesOneByOne();
  aRunTooLongForThePathShrinksTheLimit();
  partOfABatchIsTakenUpWhereItEnded();
  aFullSocketHoldsPacketsInOrder();
  whatIsHeldIsBounded();
  aClosedTransportsHeldPacketsAreDropped();
  aSlotOverwrittenWhileGatheredNeverLeaves();
  std::puts("packet_sender_test: ok");
  return 0;
}

#include "dtls_thread.h"

#include <algorithm>
#include <utility>

namespace cation {

struct DtlsThread::Entry : DtlsEvents {
  Entry(DtlsThread& owner, uint32_t ownId) : thread(owner), id(ownId) {}

  void onSend(const uint8_t* bytes, size_t length) override {
    thread.emit({id, DtlsEvent::Kind::kSend, 0, {bytes, bytes + length}});
  }
  void onConnected(uint16_t profile, const uint8_t* material, size_t length) override {
    thread.emit({id, DtlsEvent::Kind::kConnected, profile, {material, material + length}});
  }
  void onData(const uint8_t* bytes, size_t length) override {
    thread.emit({id, DtlsEvent::Kind::kData, 0, {bytes, bytes + length}});
  }
  void onClosed(DtlsCloseReason reason) override {
    thread.emit({id, DtlsEvent::Kind::kClosed, static_cast<uint32_t>(reason), {}});
  }

  DtlsThread& thread;
  const uint32_t id;
  std::unique_ptr<DtlsAssociation> association;
};

DtlsThread::DtlsThread(DtlsRole role, SslContextPtr context, BioMethodPtr bioMethod,
                       std::chrono::milliseconds timeout, std::function<void()> wake)
    : role_(role),
      context_(std::move(context)),
      bioMethod_(std::move(bioMethod)),
      timeout_(timeout),
      wake_(std::move(wake)),
      thread_([this] { run(); }) {}

DtlsThread::~DtlsThread() { stop(); }

void DtlsThread::open(uint32_t id, std::vector<Fingerprint> expected) {
  submit({id, Command::Kind::kOpen, {}, std::move(expected)});
}

void DtlsThread::receive(uint32_t id, const uint8_t* bytes, size_t length) {
  submitBytes(id, Command::Kind::kReceive, bytes, length);
}

void DtlsThread::sendData(uint32_t id, const uint8_t* bytes, size_t length) {
  submitBytes(id, Command::Kind::kSendData, bytes, length);
}

void DtlsThread::close(uint32_t id) { submit({id, Command::Kind::kClose, {}, {}}); }

void DtlsThread::submitBytes(uint32_t id, Command::Kind kind, const uint8_t* bytes,
                             size_t length) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (queued_[id] >= kMaxQueued || commands_.size() >= kMaxQueuedInAll) return;
    queued_[id]++;
    commands_.push_back({id, kind, {bytes, bytes + length}, {}});
  }
  commandCame_.notify_one();
}

void DtlsThread::submit(Command command) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    commands_.push_back(std::move(command));
  }
  commandCame_.notify_one();
}

std::vector<DtlsEvent> DtlsThread::takeEvents() {
  const std::lock_guard<std::mutex> lock(eventMutex_);
  return std::exchange(events_, {});
}

void DtlsThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  commandCame_.notify_one();
  thread_.join();
}

void DtlsThread::run() {
  std::deque<Command> commands;
  while (takeCommands(&commands)) {
    for (Command& command : commands) execute(command);
    commands.clear();
    lookAtTheClock();
  }
  closeAll();
}

bool DtlsThread::takeCommands(std::deque<Command>* commands) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto ready = [this] { return stopping_ || !commands_.empty(); };
  if (handshaking_.empty()) {
    commandCame_.wait(lock, ready);
  } else {
    commandCame_.wait_until(lock, nextDue(), ready);
  }
  commands->swap(commands_);
  queued_.clear();
  return !stopping_;
}

void DtlsThread::execute(Command& command) {
  if (command.kind == Command::Kind::kOpen) return openAssociation(command);
  const auto found = entries_.find(command.id);
  if (found == entries_.end()) return;
  DtlsAssociation& association = *found->second->association;
  if (command.kind == Command::Kind::kReceive) {
    association.receive(command.bytes.data(), command.bytes.size());
  } else if (command.kind == Command::Kind::kSendData) {
    association.sendData(command.bytes.data(), command.bytes.size());
  } else {
    association.close();
  }
  if (!association.isHandshaking()) handshaking_.erase(command.id);
  removeClosed(command.id);
}

void DtlsThread::openAssociation(Command& command) {
  auto entry = std::make_unique<Entry>(*this, command.id);
  entry->association =
      DtlsAssociation::create(role_, context_.get(), bioMethod_.get(), std::move(command.expected),
                              Clock::now() + timeout_, *entry);
  if (!entry->association) return entry->onClosed(DtlsCloseReason::kHandshakeFailed);
  DtlsAssociation* association = entry->association.get();
  handshaking_[command.id] = association;
  entries_[command.id] = std::move(entry);
  association->start();
  if (!association->isHandshaking()) handshaking_.erase(command.id);
  removeClosed(command.id);
}

void DtlsThread::lookAtTheClock() {
  const auto now = Clock::now();
  std::vector<uint32_t> due;
  for (const auto& [id, association] : handshaking_) {
    if (association->dueAt(now) <= now) due.push_back(id);
  }
  for (const uint32_t id : due) {
    DtlsAssociation* association = handshaking_[id];
    association->onTime(now);
    if (!association->isHandshaking()) handshaking_.erase(id);
    removeClosed(id);
  }
}

Clock::time_point DtlsThread::nextDue() const {
  const auto now = Clock::now();
  auto next = Clock::time_point::max();
  for (const auto& [id, association] : handshaking_) {
    next = std::min(next, association->dueAt(now));
  }
  return next;
}

void DtlsThread::closeAll() {
  for (const auto& [id, entry] : entries_) entry->association->close();
  handshaking_.clear();
  entries_.clear();
}

void DtlsThread::removeClosed(uint32_t id) {
  const auto found = entries_.find(id);
  if (found != entries_.end() && found->second->association->isClosed()) entries_.erase(found);
}

void DtlsThread::emit(DtlsEvent event) {
  bool first;
  {
    const std::lock_guard<std::mutex> lock(eventMutex_);
    first = events_.empty();
    events_.push_back(std::move(event));
  }
  if (first) wake_();
}

}  // namespace cation

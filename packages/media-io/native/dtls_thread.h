// DTLS associations on a thread of their own: a handshake takes a millisecond, which the deciding thread does not have.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "dtls_association.h"

namespace cation {

// What the thread has to say of an association. In order for each of them.
struct DtlsEvent {
  enum class Kind : uint8_t { kSend, kConnected, kData, kClosed };
  uint32_t id;
  Kind kind;
  // kConnected: the SRTP profile. kClosed: the DtlsCloseReason.
  uint32_t code = 0;
  std::vector<uint8_t> bytes;
};

class DtlsThread {
 public:
  // `wake` is called from the thread when there are events; it must be safe there.
  DtlsThread(DtlsRole role, SslContextPtr context, BioMethodPtr bioMethod, std::chrono::milliseconds timeout,
             std::function<void()> wake);
  ~DtlsThread();

  // Owner's thread. `id` must be new.
  void open(uint32_t id, std::vector<Fingerprint> expected);
  // Drops what is more than an association's queue holds.
  void receive(uint32_t id, const uint8_t* bytes, size_t length);
  void sendData(uint32_t id, const uint8_t* bytes, size_t length);
  void close(uint32_t id);

  // Hands over the events so far.
  std::vector<DtlsEvent> takeEvents();

  // Ends the thread; open associations say goodbye, and their events can be taken. Idempotent.
  void stop();

 private:
  // Datagrams and data that wait for the thread, of one association and in all.
  static constexpr size_t kMaxQueued = 32;
  static constexpr size_t kMaxQueuedInAll = 8192;

  struct Command {
    enum class Kind : uint8_t { kOpen, kReceive, kSendData, kClose };
    uint32_t id;
    Kind kind;
    std::vector<uint8_t> bytes;
    std::vector<Fingerprint> expected;
  };

  // An association and the handler that puts its events in the queue.
  struct Entry;

  void submit(Command command);
  void submitBytes(uint32_t id, Command::Kind kind, const uint8_t* bytes, size_t length);
  void run();
  // Waits for commands, at most until something is due. False when the thread is to end.
  bool takeCommands(std::deque<Command>* commands);
  void execute(Command& command);
  void openAssociation(Command& command);
  void lookAtTheClock();
  Clock::time_point nextDue() const;
  void closeAll();
  void removeClosed(uint32_t id);
  void emit(DtlsEvent event);

  const DtlsRole role_;
  const SslContextPtr context_;
  const BioMethodPtr bioMethod_;
  const std::chrono::milliseconds timeout_;
  const std::function<void()> wake_;

  std::mutex mutex_;
  std::condition_variable commandCame_;
  std::deque<Command> commands_;
  std::unordered_map<uint32_t, size_t> queued_;
  bool stopping_ = false;

  std::mutex eventMutex_;
  std::vector<DtlsEvent> events_;

  // The thread's own.
  std::unordered_map<uint32_t, std::unique_ptr<Entry>> entries_;
  std::unordered_map<uint32_t, DtlsAssociation*> handshaking_;

  std::thread thread_;
};

}  // namespace cation

// One DTLS association in either role, sans-IO: datagrams and the time come in by calls, all else goes to a handler.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dtls_bio.h"
#include "dtls_context.h"
#include "dtls_record_layer.h"

namespace cation {

using Clock = std::chrono::steady_clock;

// Why an association is over. The order is that of DTLS_CLOSE_REASONS in packages/webrtc/src/openssl-dtls.ts.
enum class DtlsCloseReason : uint8_t {
  kClosedByPeer,
  kClosedLocally,
  kHandshakeTimeout,
  kHandshakeFailed,
  kFingerprintMismatch,
  kProofFailed,
  kNoSrtpProfile,
};

// A digest of the certificate that SDP announced.
struct Fingerprint {
  // OpenSSL's name: SHA256, SHA384, SHA512.
  std::string digest;
  std::vector<uint8_t> value;
};

// What an association does. Bytes are valid during the call.
class DtlsEvents {
 public:
  virtual ~DtlsEvents() = default;
  virtual void onSend(const uint8_t* bytes, size_t length) = 0;
  // Keying material as the exporter gives it (RFC 5764 §4.2): client key, server key, client salt, server salt.
  virtual void onConnected(uint16_t srtpProfile, const uint8_t* material, size_t length) = 0;
  virtual void onData(const uint8_t* bytes, size_t length) = 0;
  // The last event.
  virtual void onClosed(DtlsCloseReason reason) = 0;
};

class DtlsAssociation {
 public:
  // Null when out of memory. `events` must outlive it.
  static std::unique_ptr<DtlsAssociation> create(DtlsRole role, SSL_CTX* context,
                                                 const BIO_METHOD* bioMethod,
                                                 std::vector<Fingerprint> expected,
                                                 Clock::time_point deadline, DtlsEvents& events);

  // A client speaks first; a server waits, and this does nothing.
  void start();
  void receive(const uint8_t* bytes, size_t length);
  // Application data; dropped unless connected.
  void sendData(const uint8_t* bytes, size_t length);
  void close();

  bool isClosed() const { return state_ == State::kClosed; }
  bool isHandshaking() const { return state_ == State::kHandshaking; }
  // When `onTime` has something to do. Only while handshaking.
  Clock::time_point dueAt(Clock::time_point now) const;
  void onTime(Clock::time_point now);

 private:
  enum class State { kHandshaking, kConnected, kClosed };

  DtlsAssociation(DtlsRole role, std::vector<Fingerprint> expected, Clock::time_point deadline,
                  DtlsEvents& events);

  void handshake();
  void connected();
  bool isExpectedCertificate() const;
  void announceKeys(uint16_t profile, size_t length);
  void receiveAsClient(const uint8_t* bytes, size_t length);
  void receiveRecords(const uint8_t* bytes, size_t length);
  void receiveContent(uint8_t type, const uint8_t* content, size_t length);
  void sendRecord(DtlsContent type, const uint8_t* content, size_t length);
  void end(DtlsCloseReason reason);

  const DtlsRole role_;
  DatagramPipe pipe_;
  // Until the handshake is done; a client's to the end.
  SslPtr ssl_;
  // From then on, of a server: thousands of associations must not cost what OpenSSL keeps for each.
  std::unique_ptr<DtlsRecordLayer> records_;
  // What the last step of the handshake sent: again when the client asks, which it may not do for ever.
  std::vector<std::vector<uint8_t>> lastFlight_;
  int repeatsLeft_ = 16;
  std::vector<Fingerprint> expected_;
  Clock::time_point deadline_;
  DtlsEvents& events_;
  State state_ = State::kHandshaking;
};

}  // namespace cation

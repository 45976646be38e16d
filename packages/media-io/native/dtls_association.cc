#include "dtls_association.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace cation {

namespace {

constexpr char kExporterLabel[] = "EXTRACTOR-dtls_srtp";
// Two keys of 32 and two salts of 14 bytes at most.
constexpr size_t kMaxMaterialBytes = 92;
constexpr uint8_t kFinished = 20;
constexpr uint8_t kWarning = 1;
constexpr uint8_t kFatal = 2;
constexpr uint8_t kCloseNotify = 0;
// Retransmissions: sooner than OpenSSL's second, since round trips are shorter; each waits twice as long.
constexpr unsigned kFirstRetransmitUs = 400'000;
constexpr unsigned kMaxRetransmitUs = 3'000'000;

unsigned retransmitAfter(SSL*, unsigned previousUs) {
  return previousUs == 0 ? kFirstRetransmitUs : std::min(previousUs * 2, kMaxRetransmitUs);
}

// Bytes of the keying material of a profile, by its IANA number; 0 for others.
size_t materialBytes(unsigned long profile) {
  switch (profile) {
    case SRTP_AES128_CM_SHA1_80:
      return 2 * (16 + 14);
    case SRTP_AEAD_AES_128_GCM:
      return 2 * (16 + 12);
    case SRTP_AEAD_AES_256_GCM:
      return 2 * (32 + 12);
    default:
      return 0;
  }
}

// What a failed handshake says of the client.
DtlsCloseReason reasonOf(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_BAD_SIGNATURE:
    case SSL_R_DIGEST_CHECK_FAILED:
      return DtlsCloseReason::kProofFailed;
    default:
      return DtlsCloseReason::kHandshakeFailed;
  }
}

}  // namespace

DtlsAssociation::DtlsAssociation(DtlsRole role, std::vector<Fingerprint> expected,
                                 Clock::time_point deadline, DtlsEvents& events)
    : role_(role), expected_(std::move(expected)), deadline_(deadline), events_(events) {}

std::unique_ptr<DtlsAssociation> DtlsAssociation::create(DtlsRole role, SSL_CTX* context,
                                                         const BIO_METHOD* bioMethod,
                                                         std::vector<Fingerprint> expected,
                                                         Clock::time_point deadline,
                                                         DtlsEvents& events) {
  std::unique_ptr<DtlsAssociation> association(
      new DtlsAssociation(role, std::move(expected), deadline, events));
  DtlsAssociation* self = association.get();
  association->pipe_.send = [self](const uint8_t* bytes, size_t length) {
    self->lastFlight_.emplace_back(bytes, bytes + length);
    self->events_.onSend(bytes, length);
  };
  association->ssl_.reset(SSL_new(context));
  SSL* ssl = association->ssl_.get();
  BIO* bio = createDatagramBio(bioMethod, &association->pipe_);
  if (!ssl || !bio) {
    BIO_free(bio);
    return nullptr;
  }
  SSL_set_bio(ssl, bio, bio);
  if (role == DtlsRole::kServer) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  SSL_set_mtu(ssl, kDatagramBytes);
  DTLS_set_timer_cb(ssl, retransmitAfter);
  return association;
}

void DtlsAssociation::start() {
  if (role_ == DtlsRole::kClient && isHandshaking()) handshake();
}

void DtlsAssociation::receive(const uint8_t* bytes, size_t length) {
  if (state_ == State::kConnected) {
    return role_ == DtlsRole::kServer ? receiveRecords(bytes, length) : receiveAsClient(bytes, length);
  }
  if (isClosed() || length == 0) return;
  pipe_.inbound = bytes;
  pipe_.inboundBytes = length;
  handshake();
  pipe_.inboundBytes = 0;
}

void DtlsAssociation::sendData(const uint8_t* bytes, size_t length) {
  if (state_ != State::kConnected) return;
  if (role_ == DtlsRole::kServer) return sendRecord(DtlsContent::kApplicationData, bytes, length);
  ERR_clear_error();
  SSL_write(ssl_.get(), bytes, static_cast<int>(length));
}

void DtlsAssociation::close() {
  if (isClosed()) return;
  const uint8_t goodbye[] = {kWarning, kCloseNotify};
  if (state_ == State::kConnected) {
    if (role_ == DtlsRole::kServer) {
      sendRecord(DtlsContent::kAlert, goodbye, sizeof goodbye);
    } else {
      SSL_shutdown(ssl_.get());
    }
  }
  end(DtlsCloseReason::kClosedLocally);
}

Clock::time_point DtlsAssociation::dueAt(Clock::time_point now) const {
  timeval left{};
  if (DTLSv1_get_timeout(ssl_.get(), &left) != 1) return deadline_;
  const auto wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  return std::min(deadline_, now + wait);
}

void DtlsAssociation::onTime(Clock::time_point now) {
  if (!isHandshaking()) return;
  if (now >= deadline_) return end(DtlsCloseReason::kHandshakeTimeout);
  ERR_clear_error();
  if (DTLSv1_handle_timeout(ssl_.get()) < 0) end(DtlsCloseReason::kHandshakeTimeout);
}

void DtlsAssociation::handshake() {
  ERR_clear_error();
  lastFlight_.clear();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return connected();
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  end(reasonOf(ERR_peek_last_error()));
}

// The handshake is done, so the client holds the key of the certificate it has shown.
void DtlsAssociation::connected() {
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_.get());
  const size_t length = profile ? materialBytes(profile->id) : 0;
  DtlsCloseReason refusal = DtlsCloseReason::kNoSrtpProfile;
  if (!isExpectedCertificate()) {
    refusal = DtlsCloseReason::kFingerprintMismatch;
  } else if (length > 0) {
    refusal = DtlsCloseReason::kHandshakeFailed;
    if (role_ == DtlsRole::kServer) records_ = DtlsRecordLayer::create(ssl_.get(), lastFlight_);
  }
  const bool isClient = role_ == DtlsRole::kClient;
  if (records_ || (isClient && refusal == DtlsCloseReason::kHandshakeFailed)) {
    state_ = State::kConnected;
    announceKeys(static_cast<uint16_t>(profile->id), length);
    expected_.clear();
    expected_.shrink_to_fit();
    if (isClient) return;
  } else {
    SSL_shutdown(ssl_.get());
    end(refusal);
  }
  ssl_.reset();
}

void DtlsAssociation::announceKeys(uint16_t profile, size_t length) {
  uint8_t material[kMaxMaterialBytes];
  const int exported = SSL_export_keying_material(
      ssl_.get(), material, length, kExporterLabel, sizeof kExporterLabel - 1, nullptr, 0, 0);
  if (exported == 1) {
    events_.onConnected(profile, material, length);
  } else {
    end(DtlsCloseReason::kHandshakeFailed);
  }
  OPENSSL_cleanse(material, sizeof material);
}

bool DtlsAssociation::isExpectedCertificate() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!certificate) return false;
  return std::any_of(expected_.begin(), expected_.end(), [certificate](const Fingerprint& one) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const EVP_MD* algorithm = EVP_get_digestbyname(one.digest.c_str());
    return algorithm && X509_digest(certificate, algorithm, digest, &length) == 1 &&
           one.value.size() == length && std::memcmp(one.value.data(), digest, length) == 0;
  });
}

// OpenSSL goes on: it answers a server that has not seen our last flight, and knows a close_notify.
void DtlsAssociation::receiveAsClient(const uint8_t* bytes, size_t length) {
  uint8_t content[kMaxDtlsContentBytes];
  pipe_.inbound = bytes;
  pipe_.inboundBytes = length;
  lastFlight_.clear();
  ERR_clear_error();
  int read;
  while ((read = SSL_read(ssl_.get(), content, sizeof content)) > 0) {
    events_.onData(content, static_cast<size_t>(read));
  }
  pipe_.inboundBytes = 0;
  const int error = SSL_get_error(ssl_.get(), read);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) end(DtlsCloseReason::kClosedByPeer);
}

void DtlsAssociation::receiveRecords(const uint8_t* bytes, size_t length) {
  uint8_t content[kMaxDtlsContentBytes];
  while (state_ == State::kConnected) {
    const size_t recordBytes = DtlsRecordLayer::recordBytes(bytes, length);
    if (recordBytes == 0) return;
    const long contentBytes = records_->open(bytes, recordBytes, content);
    if (contentBytes >= 0) receiveContent(bytes[0], content, static_cast<size_t>(contentBytes));
    bytes += recordBytes;
    length -= recordBytes;
  }
}

void DtlsAssociation::receiveContent(uint8_t type, const uint8_t* content, size_t length) {
  switch (static_cast<DtlsContent>(type)) {
    case DtlsContent::kApplicationData:
      events_.onData(content, length);
      break;
    case DtlsContent::kAlert:
      if (length == 2 && (content[0] == kFatal || content[1] == kCloseNotify)) {
        end(DtlsCloseReason::kClosedByPeer);
      }
      break;
    case DtlsContent::kHandshake:
      // The client has not seen our last flight. Anything else of a handshake would be a renegotiation: no.
      if (length == 0 || content[0] != kFinished || repeatsLeft_-- <= 0) break;
      for (const auto& datagram : lastFlight_) events_.onSend(datagram.data(), datagram.size());
      break;
    default:
      break;
  }
}

void DtlsAssociation::sendRecord(DtlsContent type, const uint8_t* content, size_t length) {
  if (length > kMaxDtlsContentBytes) return;
  uint8_t record[kMaxDtlsContentBytes + kDtlsRecordOverheadBytes];
  const size_t recordBytes = records_->seal(type, content, length, record);
  if (recordBytes > 0) events_.onSend(record, recordBytes);
}

void DtlsAssociation::end(DtlsCloseReason reason) {
  if (isClosed()) return;
  state_ = State::kClosed;
  events_.onClosed(reason);
}

}  // namespace cation

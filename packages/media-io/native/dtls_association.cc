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
// Largest content of a record.
constexpr size_t kMaxDataBytes = 16384;
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

DtlsAssociation::DtlsAssociation(std::vector<Fingerprint> expected, Clock::time_point deadline,
                                 DtlsEvents& events)
    : expected_(std::move(expected)), deadline_(deadline), events_(events) {}

std::unique_ptr<DtlsAssociation> DtlsAssociation::create(SSL_CTX* context,
                                                         const BIO_METHOD* bioMethod,
                                                         std::vector<Fingerprint> expected,
                                                         Clock::time_point deadline,
                                                         DtlsEvents& events) {
  std::unique_ptr<DtlsAssociation> association(
      new DtlsAssociation(std::move(expected), deadline, events));
  DtlsEvents* target = &events;
  association->pipe_.send = [target](const uint8_t* bytes, size_t length) {
    target->onSend(bytes, length);
  };
  association->ssl_.reset(SSL_new(context));
  SSL* ssl = association->ssl_.get();
  BIO* bio = createDatagramBio(bioMethod, &association->pipe_);
  if (!ssl || !bio) {
    BIO_free(bio);
    return nullptr;
  }
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  SSL_set_mtu(ssl, kDatagramBytes);
  DTLS_set_timer_cb(ssl, retransmitAfter);
  return association;
}

void DtlsAssociation::receive(const uint8_t* bytes, size_t length) {
  if (isClosed() || length == 0) return;
  pipe_.inbound = bytes;
  pipe_.inboundBytes = length;
  if (isHandshaking()) handshake();
  if (state_ == State::kConnected) readData();
  pipe_.inboundBytes = 0;
}

void DtlsAssociation::sendData(const uint8_t* bytes, size_t length) {
  if (state_ != State::kConnected || length == 0 || length > kMaxDataBytes) return;
  ERR_clear_error();
  SSL_write(ssl_.get(), bytes, static_cast<int>(length));
}

void DtlsAssociation::close() {
  if (isClosed()) return;
  ERR_clear_error();
  if (state_ == State::kConnected) SSL_shutdown(ssl_.get());
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
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return connected();
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  end(reasonOf(ERR_peek_last_error()));
}

// The handshake is done, so the client holds the key of the certificate it has shown.
void DtlsAssociation::connected() {
  state_ = State::kConnected;
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_.get());
  const size_t length = profile ? materialBytes(profile->id) : 0;
  uint8_t material[kMaxMaterialBytes];
  DtlsCloseReason refusal = DtlsCloseReason::kNoSrtpProfile;
  bool accepted = false;
  if (!isExpectedCertificate()) {
    refusal = DtlsCloseReason::kFingerprintMismatch;
  } else if (length > 0) {
    accepted = SSL_export_keying_material(ssl_.get(), material, length, kExporterLabel,
                                          sizeof kExporterLabel - 1, nullptr, 0, 0) == 1;
  }
  if (accepted) {
    events_.onConnected(static_cast<uint16_t>(profile->id), material, length);
  } else {
    SSL_shutdown(ssl_.get());
    end(refusal);
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

void DtlsAssociation::readData() {
  uint8_t data[kMaxDataBytes];
  for (;;) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), data, sizeof data);
    if (result > 0) {
      events_.onData(data, static_cast<size_t>(result));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    return end(DtlsCloseReason::kClosedByPeer);
  }
}

void DtlsAssociation::end(DtlsCloseReason reason) {
  if (isClosed()) return;
  state_ = State::kClosed;
  events_.onClosed(reason);
}

}  // namespace cation

#include "dtls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace cation {

namespace {

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// RFC 8827 §6.5 demands the first, so every client has it. Those that DtlsRecordLayer knows.
constexpr char kCiphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384";
constexpr char kGroups[] = "X25519:P-256:P-384";

// Certificates of WebRTC clients are self-signed: who signed one says nothing, the fingerprint in SDP does. That the
// client holds the key is proven by the handshake (CertificateVerify), which this does not replace.
int acceptAnyIssuer(X509_STORE_CTX*, void*) { return 1; }

bool useCertificate(SSL_CTX* context, const std::string& certificatePem,
                    const std::string& keyPem) {
  const std::unique_ptr<BIO, BioFree> certificateText(
      BIO_new_mem_buf(certificatePem.data(), static_cast<int>(certificatePem.size())));
  const std::unique_ptr<BIO, BioFree> keyText(
      BIO_new_mem_buf(keyPem.data(), static_cast<int>(keyPem.size())));
  const std::unique_ptr<X509, CertificateFree> certificate(
      PEM_read_bio_X509(certificateText.get(), nullptr, nullptr, nullptr));
  const std::unique_ptr<EVP_PKEY, KeyFree> key(
      PEM_read_bio_PrivateKey(keyText.get(), nullptr, nullptr, nullptr));
  return certificate && key && SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

}  // namespace

SslContextPtr createDtlsContext(DtlsRole role, const std::string& certificatePem,
                                const std::string& keyPem, const std::string& srtpProfiles) {
  SslContextPtr context(
      SSL_CTX_new(role == DtlsRole::kServer ? DTLS_server_method() : DTLS_client_method()));
  SSL_CTX* raw = context.get();
  if (!raw) return nullptr;
  // Of the versions DTLS has, 1.0 is deprecated (RFC 8996). No resumption: a resumed session shows no certificate.
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_SINGLE_ECDH_USE);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, acceptAnyIssuer, nullptr);
  const bool configured =
      SSL_CTX_set_min_proto_version(raw, DTLS1_2_VERSION) == 1 &&
      SSL_CTX_set_max_proto_version(raw, DTLS1_2_VERSION) == 1 &&
      SSL_CTX_set_cipher_list(raw, kCiphers) == 1 && SSL_CTX_set1_groups_list(raw, kGroups) == 1 &&
      // Of all OpenSSL's functions, this one returns 0 when it succeeds.
      SSL_CTX_set_tlsext_use_srtp(raw, srtpProfiles.c_str()) == 0 &&
      useCertificate(raw, certificatePem, keyPem);
  ERR_clear_error();
  return configured ? std::move(context) : nullptr;
}

}  // namespace cation

// What all DTLS associations of a server share: certificate, cipher suites, SRTP profiles.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace cation {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextFree>;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// A DTLS 1.2 server context that demands a client certificate, whoever signed it. Null where the certificate, its key or
// the profiles (OpenSSL's names, joined by colons) cannot be used.
SslContextPtr createDtlsContext(const std::string& certificatePem, const std::string& keyPem,
                                const std::string& srtpProfiles);

}  // namespace cation

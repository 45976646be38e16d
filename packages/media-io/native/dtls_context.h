// What all DTLS associations of an endpoint share: role, certificate, cipher suites, SRTP profiles.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
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

// Who speaks first. A server is what an sfu is; a client is for load tests, which stand in for browsers.
enum class DtlsRole : uint8_t { kServer, kClient };

// A DTLS 1.2 context that demands the peer's certificate, whoever signed it. Null where the certificate, its key or the
// profiles (OpenSSL's names, joined by colons) cannot be used.
SslContextPtr createDtlsContext(DtlsRole role, const std::string& certificatePem,
                                const std::string& keyPem, const std::string& srtpProfiles);

}  // namespace cation

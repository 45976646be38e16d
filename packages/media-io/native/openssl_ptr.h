// Owners of OpenSSL objects.
#pragma once

#include <openssl/evp.h>

#include <memory>

namespace cation {

struct CipherContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, CipherContextFree>;

}  // namespace cation

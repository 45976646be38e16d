// Entry of the addon. Every environment (worker thread) has its own objects; nothing is shared between them.
#include <openssl/crypto.h>

#include "dtls_binding.h"
#include "media_socket_binding.h"
#include "napi_util.h"

NAPI_MODULE_INIT() {
  // Built against one OpenSSL, loaded into a node binary with another: refuse, and the TypeScript backend serves.
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR) {
    napi_throw_error(env, nullptr, "the addon was built for another OpenSSL");
    return nullptr;
  }
  cation::defineMediaSocket(env, exports);
  cation::defineSrtpCipher(env, exports);
  cation::defineDtls(env, exports);
  return exports;
}

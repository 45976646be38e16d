// DTLS for JavaScript: packages/webrtc/src/openssl-dtls.ts.
#pragma once

#include <node_api.h>

namespace cation {

void defineDtls(napi_env env, napi_value exports);

}  // namespace cation

#pragma once

#include <node_api.h>

namespace cation {

// Adds the class MediaSocket to the exports; see packages/media-io/src/native-addon.ts for its methods.
void defineMediaSocket(napi_env env, napi_value exports);

// Adds the class SrtpCipher.
void defineSrtpCipher(napi_env env, napi_value exports);

}  // namespace cation

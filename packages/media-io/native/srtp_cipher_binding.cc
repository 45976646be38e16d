// SrtpCipher of packages/media-io/src/srtp-cipher.ts, so that its contract suite and vectors run over the native ciphers.
#include <cstring>
#include <memory>

#include "media_socket_binding.h"
#include "napi_util.h"
#include "srtp_cipher.h"

namespace cation {

namespace {

// Both directions, since a test does both with one object.
struct CipherObject {
  std::unique_ptr<SrtpCipher> sealer;
  std::unique_ptr<SrtpCipher> opener;
};

using Call = Arguments<CipherObject, 4>;

bool fill(uint8_t* target, size_t room, const Bytes& bytes) {
  if (bytes.length > room) return false;
  if (bytes.length > 0) std::memcpy(target, bytes.data, bytes.length);
  return true;
}

bool readKeys(napi_env env, napi_value object, SessionKeys* keys) {
  return fill(keys->key, sizeof keys->key, toBytes(env, getProperty(env, object, "key"))) &&
         fill(keys->salt, sizeof keys->salt, toBytes(env, getProperty(env, object, "salt"))) &&
         fill(keys->authKey, sizeof keys->authKey,
              toBytes(env, getProperty(env, object, "authKey")));
}

// new SrtpCipher(profile, rtpKeys, rtcpKeys)
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value values[3];
  napi_value self;
  napi_get_cb_info(env, info, &count, values, &self, nullptr);
  SessionKeys rtp, rtcp;
  if (!readKeys(env, values[1], &rtp) || !readKeys(env, values[2], &rtcp)) {
    return throwRangeError(env, "key too long");
  }
  const auto profile = static_cast<SrtpProfile>(toU32(env, values[0]));
  auto object = std::make_unique<CipherObject>();
  object->sealer = SrtpCipher::create(profile, SrtpCipher::Direction::kSeal, rtp, rtcp);
  object->opener = SrtpCipher::create(profile, SrtpCipher::Direction::kOpen, rtp, rtcp);
  if (!object->sealer || !object->opener) return throwRangeError(env, "unknown SRTP profile");
  const auto free = [](napi_env, void* data, void*) { delete static_cast<CipherObject*>(data); };
  napi_wrap(env, self, object.release(), free, nullptr, nullptr);
  return self;
}

// sealRtp(packet, length, headerBytes, rolloverCounter): number
napi_value sealRtp(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[0]);
  const size_t length = toU32(env, call[1]);
  const size_t headerBytes = toU32(env, call[2]);
  if (length + kMaxOverheadBytes > packet.length || headerBytes > length || headerBytes < 12) {
    return throwRangeError(env, "lengths");
  }
  const Gather gather{packet.data, length, packet.data, 0};
  const size_t sealed =
      call.self->sealer->sealRtp(gather, headerBytes, toU32(env, call[3]), packet.data);
  return fromNumber(env, static_cast<double>(sealed));
}

// openRtp(packet, length, headerBytes, rolloverCounter): number
napi_value openRtp(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[0]);
  const size_t length = toU32(env, call[1]);
  const size_t headerBytes = toU32(env, call[2]);
  if (length > packet.length || headerBytes < 12) return throwRangeError(env, "lengths");
  if (headerBytes + call.self->opener->tagBytes() > length) return fromNumber(env, -1);
  const long opened = call.self->opener->openRtp(packet.data, length, headerBytes,
                                                 toU32(env, call[3]), packet.data);
  return fromNumber(env, static_cast<double>(opened));
}

// sealRtcp(packet, length, index): number
napi_value sealRtcp(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[0]);
  const size_t length = toU32(env, call[1]);
  if (length + kMaxOverheadBytes > packet.length || length < kRtcpClearBytes) {
    return throwRangeError(env, "lengths");
  }
  const size_t sealed = call.self->sealer->sealRtcp(packet.data, length, toU32(env, call[2]));
  return fromNumber(env, static_cast<double>(sealed));
}

// openRtcp(packet, length, index): number
napi_value openRtcp(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[0]);
  const size_t length = toU32(env, call[1]);
  if (length > packet.length) return throwRangeError(env, "lengths");
  const size_t least = kRtcpClearBytes + call.self->opener->tagBytes() + kSrtcpIndexBytes;
  if (length < least) return fromNumber(env, -1);
  const long opened =
      call.self->opener->openRtcp(packet.data, length, toU32(env, call[2]), packet.data);
  return fromNumber(env, static_cast<double>(opened));
}

// rtcpIndexOffset(length): number
napi_value rtcpIndexOffset(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return fromNumber(env, static_cast<double>(call.self->opener->rtcpIndexOffset(toU32(env, call[0]))));
}

napi_value tagBytes(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return fromNumber(env, static_cast<double>(call.self->sealer->tagBytes()));
}

}  // namespace

void defineSrtpCipher(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      method("sealRtp", sealRtp),
      method("openRtp", openRtp),
      method("sealRtcp", sealRtcp),
      method("openRtcp", openRtcp),
      method("rtcpIndexOffset", rtcpIndexOffset),
      {"tagBytes", nullptr, nullptr, tagBytes, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_value constructor;
  napi_define_class(env, "SrtpCipher", NAPI_AUTO_LENGTH, construct, nullptr,
                    sizeof properties / sizeof *properties, properties, &constructor);
  napi_set_named_property(env, exports, "SrtpCipher", constructor);
}

}  // namespace cation

// The little of Node-API that the bindings need, without exceptions: a failed read gives the default.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

namespace cation {

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

// Bytes of any typed array.
inline Bytes toBytes(napi_env env, napi_value value) {
  bool isTypedArray = false;
  if (napi_is_typedarray(env, value, &isTypedArray) != napi_ok || !isTypedArray) return {};
  napi_typedarray_type type;
  size_t elements = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env, value, &type, &elements, &data, nullptr, nullptr);
  size_t elementBytes = 1;
  if (type == napi_uint16_array || type == napi_int16_array) elementBytes = 2;
  if (type == napi_uint32_array || type == napi_int32_array || type == napi_float32_array) {
    elementBytes = 4;
  }
  if (type == napi_float64_array || type == napi_biguint64_array || type == napi_bigint64_array) {
    elementBytes = 8;
  }
  return {static_cast<uint8_t*>(data), elements * elementBytes};
}

inline uint32_t toU32(napi_env env, napi_value value) {
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

inline std::string toString(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return {};
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

inline napi_value getProperty(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  napi_get_named_property(env, object, name, &value);
  return value;
}

inline napi_value fromNumber(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

inline napi_value fromU32(napi_env env, uint32_t number) {
  napi_value value = nullptr;
  napi_create_uint32(env, number, &value);
  return value;
}

inline napi_value fromBool(napi_env env, bool flag) {
  napi_value value = nullptr;
  napi_get_boolean(env, flag, &value);
  return value;
}

inline napi_value throwRangeError(napi_env env, const char* message) {
  napi_throw_range_error(env, nullptr, message);
  return nullptr;
}

// The arguments of a call, and the object behind `this`.
template <typename Object, size_t kCount>
struct Arguments {
  napi_value values[kCount == 0 ? 1 : kCount] = {};
  Object* self = nullptr;

  Arguments(napi_env env, napi_callback_info info) {
    size_t count = kCount;
    napi_value thisValue = nullptr;
    napi_get_cb_info(env, info, &count, values, &thisValue, nullptr);
    void* object = nullptr;
    if (napi_unwrap(env, thisValue, &object) == napi_ok) self = static_cast<Object*>(object);
  }

  napi_value operator[](size_t i) const { return values[i]; }
};

inline napi_property_descriptor method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

}  // namespace cation

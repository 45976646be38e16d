#include "dtls_binding.h"

#include <memory>
#include <utility>

#include "dtls_thread.h"
#include "napi_util.h"

namespace cation {

namespace {

// Lives until the JavaScript object is gone and the threadsafe function is closed, whichever comes last.
struct ServerObject {
  napi_threadsafe_function onEvents = nullptr;
  std::unique_ptr<DtlsThread> thread;
  bool closed = false;
  bool functionGone = false;
  bool finalized = false;

  void deleteIfDone() {
    if (functionGone && finalized) delete this;
  }
};

using Call = Arguments<ServerObject, 3>;

napi_value toBuffer(napi_env env, const std::vector<uint8_t>& bytes) {
  napi_value buffer = nullptr;
  napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer);
  return buffer;
}

// onEvent(id, kind, code, bytes) for each event. Handlers must not throw; if one does, it is as any uncaught exception.
void deliver(napi_env env, napi_value onEvent, ServerObject* object) {
  napi_value receiver;
  napi_get_undefined(env, &receiver);
  for (const DtlsEvent& event : object->thread->takeEvents()) {
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    napi_value arguments[] = {
        fromU32(env, event.id),
        fromU32(env, static_cast<uint32_t>(event.kind)),
        fromU32(env, event.code),
        toBuffer(env, event.bytes),
    };
    napi_call_function(env, receiver, onEvent, 4, arguments, nullptr);
    bool thrown = false;
    napi_is_exception_pending(env, &thrown);
    if (thrown) {
      napi_value error;
      napi_get_and_clear_last_exception(env, &error);
      napi_fatal_exception(env, error);
    }
    napi_close_handle_scope(env, scope);
  }
}

void onWake(napi_env env, napi_value onEvent, void* context, void*) {
  auto* object = static_cast<ServerObject*>(context);
  // Without an environment it ends just now, and nobody is left to be told.
  if (env && onEvent && object->thread) deliver(env, onEvent, object);
}

void stop(ServerObject* object) {
  if (object->closed) return;
  object->closed = true;
  object->thread->stop();
  napi_release_threadsafe_function(object->onEvents, napi_tsfn_release);
}

void environmentEnds(void* data) {
  auto* object = static_cast<ServerObject*>(data);
  if (object->closed) return;
  object->closed = true;
  object->thread->stop();
}

void onFunctionGone(napi_env env, void* data, void*) {
  auto* object = static_cast<ServerObject*>(data);
  // The environment may end before `stop` is called: the thread must not outlive what it wakes.
  if (object->thread) object->thread->stop();
  object->closed = true;
  object->functionGone = true;
  napi_remove_env_cleanup_hook(env, environmentEnds, object);
  object->deleteIfDone();
}

void finalize(napi_env, void* data, void*) {
  auto* object = static_cast<ServerObject*>(data);
  object->finalized = true;
  if (!object->closed) {
    stop(object);
    return;
  }
  object->deleteIfDone();
}

bool createWaker(napi_env env, napi_value callback, ServerObject* object) {
  napi_value name;
  napi_create_string_utf8(env, "cation dtls", NAPI_AUTO_LENGTH, &name);
  const napi_status status =
      napi_create_threadsafe_function(env, callback, nullptr, name, 0, 1, object, onFunctionGone,
                                      object, onWake, &object->onEvents);
  if (status != napi_ok) return false;
  // Sockets keep the process alive, DTLS does not.
  napi_unref_threadsafe_function(env, object->onEvents);
  return true;
}

// new DtlsServer({certificatePem, privateKeyPem, srtpProfiles, handshakeTimeoutMs}, onEvent); new DtlsClient alike.
template <DtlsRole role>
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value values[2];
  napi_value self;
  napi_get_cb_info(env, info, &count, values, &self, nullptr);
  const auto text = [&](const char* name) { return toString(env, getProperty(env, values[0], name)); };
  SslContextPtr context =
      createDtlsContext(role, text("certificatePem"), text("privateKeyPem"), text("srtpProfiles"));
  BioMethodPtr bioMethod = createDatagramBioMethod();
  if (!context || !bioMethod) {
    napi_throw_error(env, nullptr, "OpenSSL takes no such certificate, key or SRTP profiles");
    return nullptr;
  }
  auto object = std::make_unique<ServerObject>();
  if (!createWaker(env, values[1], object.get())) {
    napi_throw_error(env, nullptr, "no threadsafe function");
    return nullptr;
  }
  ServerObject* raw = object.release();
  const auto wake = [raw] {
    napi_call_threadsafe_function(raw->onEvents, nullptr, napi_tsfn_nonblocking);
  };
  const std::chrono::milliseconds timeout(toU32(env, getProperty(env, values[0], "handshakeTimeoutMs")));
  raw->thread =
      std::make_unique<DtlsThread>(role, std::move(context), std::move(bioMethod), timeout, wake);
  napi_add_env_cleanup_hook(env, environmentEnds, raw);
  napi_wrap(env, self, raw, finalize, nullptr, nullptr);
  return self;
}

// [{digest: "SHA256", value: bytes}, …]
std::vector<Fingerprint> toFingerprints(napi_env env, napi_value list) {
  std::vector<Fingerprint> fingerprints;
  uint32_t length = 0;
  napi_get_array_length(env, list, &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value one;
    napi_get_element(env, list, i, &one);
    const Bytes value = toBytes(env, getProperty(env, one, "value"));
    fingerprints.push_back({toString(env, getProperty(env, one, "digest")),
                            {value.data, value.data + value.length}});
  }
  return fingerprints;
}

// open(id, fingerprints)
napi_value open(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self && !call.self->closed) {
    call.self->thread->open(toU32(env, call[0]), toFingerprints(env, call[1]));
  }
  return nullptr;
}

// receive(id, datagram)
napi_value receive(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes bytes = toBytes(env, call[1]);
  if (call.self && !call.self->closed) {
    call.self->thread->receive(toU32(env, call[0]), bytes.data, bytes.length);
  }
  return nullptr;
}

// sendData(id, data)
napi_value sendData(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes bytes = toBytes(env, call[1]);
  if (call.self && !call.self->closed) {
    call.self->thread->sendData(toU32(env, call[0]), bytes.data, bytes.length);
  }
  return nullptr;
}

// closeAssociation(id)
napi_value closeAssociation(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self && !call.self->closed) call.self->thread->close(toU32(env, call[0]));
  return nullptr;
}

// close(): waits for the thread, which closes what is open; the events of that still come.
napi_value close(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self) stop(call.self);
  return nullptr;
}

void defineClass(napi_env env, napi_value exports, const char* name, napi_callback constructor) {
  const napi_property_descriptor properties[] = {
      method("open", open),
      method("receive", receive),
      method("sendData", sendData),
      method("closeAssociation", closeAssociation),
      method("close", close),
  };
  napi_value defined;
  napi_define_class(env, name, NAPI_AUTO_LENGTH, constructor, nullptr,
                    sizeof properties / sizeof *properties, properties, &defined);
  napi_set_named_property(env, exports, name, defined);
}

}  // namespace

void defineDtls(napi_env env, napi_value exports) {
  defineClass(env, exports, "DtlsServer", construct<DtlsRole::kServer>);
  defineClass(env, exports, "DtlsClient", construct<DtlsRole::kClient>);
}

}  // namespace cation

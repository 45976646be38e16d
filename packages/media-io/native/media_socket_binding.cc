// MediaSocket for JavaScript: uv handles, callbacks, and the order in which all of it goes away.
#include "media_socket_binding.h"

#include <uv.h>

#include <cstring>
#include <memory>

#include "media_socket.h"
#include "napi_util.h"

namespace cation {

namespace {

// At most so many batches a wake-up, so that timers and other sockets get their turn.
constexpr int kBatchesAWake = 8;

// Lives until the JavaScript object is gone and the uv handles are closed, whichever comes last.
struct SocketObject {
  napi_env env = nullptr;
  napi_ref self = nullptr;
  // Typed arrays whose memory is used, and the callbacks.
  napi_ref memory = nullptr;
  napi_ref onWake = nullptr;
  napi_ref onCompletions = nullptr;
  napi_ref onClosed = nullptr;
  napi_async_context asyncContext = nullptr;
  napi_async_cleanup_hook_handle cleanupHook = nullptr;

  uv_loop_t* loop = nullptr;
  uv_poll_t poll{};
  uv_async_t async{};
  int openHandles = 0;
  int pollEvents = 0;
  bool closing = false;
  bool environmentEnds = false;
  bool finalized = false;

  CompletionRecord* completions = nullptr;
  size_t completionRoom = 0;
  std::unique_ptr<MediaSocket> socket;

  bool isOpen() const { return socket && !closing; }
};

using Call = Arguments<SocketObject, 6>;

void deleteReference(SocketObject* object, napi_ref* reference) {
  if (*reference) napi_delete_reference(object->env, *reference);
  *reference = nullptr;
}

// Calls JavaScript from the event loop. Handlers must not throw; if one does, it is as any uncaught exception.
void callBack(SocketObject* object, napi_ref function, size_t count, const uint32_t* numbers) {
  napi_env env = object->env;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value callback;
  napi_value self;
  napi_get_reference_value(env, function, &callback);
  napi_get_reference_value(env, object->self, &self);
  napi_value arguments[2];
  for (size_t i = 0; i < count; i++) arguments[i] = fromU32(env, numbers[i]);
  napi_value result;
  const napi_status status =
      napi_make_callback(env, object->asyncContext, self, callback, count, arguments, &result);
  if (status == napi_pending_exception) {
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

void onPoll(uv_poll_t* poll, int status, int events) {
  auto* object = static_cast<SocketObject*>(poll->data);
  if (status == 0 && (events & UV_WRITABLE) != 0) {
    object->socket->onWritable();
    if (object->socket->hasCompletions()) callBack(object, object->onCompletions, 0, nullptr);
  }
  for (int i = 0; i < kBatchesAWake && object->isOpen(); i++) {
    PacketReceiver& receiver = object->socket->receiver();
    if (!receiver.receive()) return;
    const bool more = receiver.mayHaveMore();
    const uint32_t counts[] = {static_cast<uint32_t>(receiver.recordCount()),
                               static_cast<uint32_t>(receiver.datagramCount())};
    if (counts[0] + counts[1] > 0) callBack(object, object->onWake, 2, counts);
    if (!more) return;
  }
}

void watch(SocketObject* object, int events) {
  if (object->closing || events == object->pollEvents) return;
  object->pollEvents = events;
  uv_poll_start(&object->poll, events, onPoll);
}

void onAsync(uv_async_t* async) {
  auto* object = static_cast<SocketObject*>(async->data);
  if (object->isOpen()) callBack(object, object->onCompletions, 0, nullptr);
}

void deleteIfUnused(SocketObject* object) {
  if (object->finalized && object->openHandles == 0) delete object;
}

void onHandleClosed(uv_handle_t* handle) {
  auto* object = static_cast<SocketObject*>(handle->data);
  if (--object->openHandles > 0) return;
  if (object->cleanupHook) napi_remove_async_cleanup_hook(object->cleanupHook);
  object->cleanupHook = nullptr;
  if (!object->environmentEnds) {
    napi_handle_scope scope;
    napi_open_handle_scope(object->env, &scope);
    if (object->onClosed) callBack(object, object->onClosed, 0, nullptr);
    deleteReference(object, &object->memory);
    deleteReference(object, &object->onWake);
    deleteReference(object, &object->onCompletions);
    deleteReference(object, &object->onClosed);
    napi_async_destroy(object->env, object->asyncContext);
    // The last: the object may be collected from here on.
    deleteReference(object, &object->self);
    napi_close_handle_scope(object->env, scope);
  }
  deleteIfUnused(object);
}

void closeSocket(SocketObject* object) {
  if (object->closing || !object->socket) return;
  object->closing = true;
  uv_poll_stop(&object->poll);
  // Joins the threads, which use the async handle.
  object->socket->close();
  object->openHandles = 2;
  uv_close(reinterpret_cast<uv_handle_t*>(&object->poll), onHandleClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&object->async), onHandleClosed);
}

// The environment ends (worker.terminate, exit) with the socket open.
void onEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data) {
  auto* object = static_cast<SocketObject*>(data);
  object->environmentEnds = true;
  if (!object->closing) return closeSocket(object);
  if (object->openHandles == 0) napi_remove_async_cleanup_hook(hook);
}

void finalize(napi_env, void* data, void*) {
  auto* object = static_cast<SocketObject*>(data);
  object->finalized = true;
  deleteIfUnused(object);
}

napi_value throwErrno(napi_env env, const char* call, int error, const std::string& where) {
  const char* code = uv_err_name(-error);
  const std::string message = std::string(call) + " " + code + " " + where;
  napi_value exception, codeValue, messageValue;
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &codeValue);
  napi_create_string_utf8(env, message.c_str(), NAPI_AUTO_LENGTH, &messageValue);
  napi_create_error(env, codeValue, messageValue, &exception);
  napi_throw(env, exception);
  return nullptr;
}

napi_ref referTo(napi_env env, napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env, value, 1, &reference);
  return reference;
}

// The memory that TypeScript lends; false where an array is too short.
bool readMemory(napi_env env, napi_value memory, SocketObject* object, PacketStore* store,
                PacketReceiver::Memory* receive) {
  const auto bytesOf = [&](const char* name) {
    return toBytes(env, getProperty(env, memory, name));
  };
  const Bytes slots = bytesOf("slots");
  const Bytes generations = bytesOf("generations");
  const Bytes head = bytesOf("head");
  const Bytes records = bytesOf("records");
  const Bytes datagrams = bytesOf("datagrams");
  const Bytes scratch = bytesOf("scratch");
  const Bytes completions = bytesOf("completions");
  const size_t slotCount = generations.length / sizeof(uint32_t);
  const bool fits = slotCount >= 2 && (slotCount & (slotCount - 1)) == 0 &&
                    slots.length == slotCount * kSlotBytes && head.length == sizeof(uint32_t) &&
                    records.length >= PacketReceiver::kBatch * sizeof(ReceiveRecord) &&
                    datagrams.length >= PacketReceiver::kBatch * sizeof(DatagramRecord) &&
                    scratch.length >= PacketReceiver::kBatch * kSlotBytes &&
                    completions.length >= sizeof(CompletionRecord);
  if (!fits) return false;
  *store = PacketStore(slots.data, reinterpret_cast<uint32_t*>(generations.data),
                       static_cast<uint32_t>(slotCount), reinterpret_cast<uint32_t*>(head.data));
  *receive = {reinterpret_cast<ReceiveRecord*>(records.data),
              reinterpret_cast<DatagramRecord*>(datagrams.data), scratch.data};
  object->completions = reinterpret_cast<CompletionRecord*>(completions.data);
  object->completionRoom = completions.length / sizeof(CompletionRecord);
  return true;
}

MediaSocket::Options readOptions(napi_env env, napi_value options, SocketObject* object) {
  MediaSocket::Options read;
  read.udp.host = toString(env, getProperty(env, options, "host"));
  read.udp.port = static_cast<uint16_t>(toU32(env, getProperty(env, options, "port")));
  read.udp.bufferBytes = static_cast<int>(toU32(env, getProperty(env, options, "bufferBytes")));
  read.senderThreads = toU32(env, getProperty(env, options, "senderThreads"));
  napi_get_value_bool(env, getProperty(env, options, "useGso"), &read.useGso);
  read.completionsReady = [object] { uv_async_send(&object->async); };
  read.watchWritable = [object](bool writable) {
    const int reading = object->pollEvents & UV_READABLE;
    watch(object, writable ? reading | UV_WRITABLE : reading);
  };
  return read;
}

// new MediaSocket({host, port, bufferBytes, senderThreads, useGso}, memory, {onWake, onCompletions})
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value values[3];
  napi_value self;
  napi_get_cb_info(env, info, &count, values, &self, nullptr);
  auto object = std::make_unique<SocketObject>();
  object->env = env;
  PacketStore store;
  PacketReceiver::Memory memory;
  if (!readMemory(env, values[1], object.get(), &store, &memory)) {
    return throwRangeError(env, "memory does not fit the records");
  }
  MediaSocket::Options options = readOptions(env, values[0], object.get());
  const std::string where = options.udp.host + ":" + std::to_string(options.udp.port);
  // Before the threads, which use it.
  napi_get_uv_event_loop(env, &object->loop);
  auto socket = std::make_unique<MediaSocket>(store, std::move(options));
  uv_async_init(object->loop, &object->async, onAsync);
  object->async.data = object.get();
  const char* failedCall = "";
  const int error = socket->open(&failedCall);
  if (error != 0) {
    // The handle outlives this call; the object goes with it.
    SocketObject* unused = object.release();
    unused->environmentEnds = true;
    unused->finalized = true;
    unused->openHandles = 1;
    uv_close(reinterpret_cast<uv_handle_t*>(&unused->async), onHandleClosed);
    return throwErrno(env, failedCall, error, where);
  }
  socket->receiver().useMemory(memory);
  uv_poll_init(object->loop, &object->poll, socket->socket().fd());
  object->poll.data = object.get();
  object->socket = std::move(socket);
  object->memory = referTo(env, values[1]);
  object->onWake = referTo(env, getProperty(env, values[2], "onWake"));
  object->onCompletions = referTo(env, getProperty(env, values[2], "onCompletions"));
  napi_value name;
  napi_create_string_utf8(env, "cation:media-io", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, self, name, &object->asyncContext);
  napi_add_async_cleanup_hook(env, onEnvironmentEnd, object.get(), &object->cleanupHook);
  // Strong until closed: the event loop refers to it.
  object->self = referTo(env, self);
  napi_wrap(env, self, object.release(), finalize, nullptr, nullptr);
  return self;
}

// start(): begins to read.
napi_value start(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) watch(call.self, call.self->pollEvents | UV_READABLE);
  return nullptr;
}

// close(onClosed)
napi_value close(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (!call.self->isOpen()) return nullptr;
  call.self->onClosed = referTo(env, call[0]);
  closeSocket(call.self);
  return nullptr;
}

// openTransport(handle)
napi_value openTransport(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) call.self->socket->openTransport(toU32(env, call[0]));
  return nullptr;
}

// closeTransport(handle)
napi_value closeTransport(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) call.self->socket->closeTransport(toU32(env, call[0]));
  return nullptr;
}

// setUdpRemote(handle, address, port): boolean, false for what is no address
napi_value setUdpRemote(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Endpoint remote;
  const std::string address = toString(env, call[1]);
  const bool parsed = Endpoint::parse(address.c_str(), toU32(env, call[2]), &remote);
  if (parsed && call.self->isOpen()) {
    call.self->socket->setUdpRemote(toU32(env, call[0]), remote);
  }
  return fromBool(env, parsed);
}

// setTcpRemote(handle)
napi_value setTcpRemote(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) call.self->socket->setTcpRemote(toU32(env, call[0]));
  return nullptr;
}

// clearRemote(handle)
napi_value clearRemote(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) call.self->socket->clearRemote(toU32(env, call[0]));
  return nullptr;
}

// setKeys(handle, profile, localKey, localSalt, remoteKey, remoteSalt)
napi_value setKeys(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto profile = static_cast<SrtpProfile>(toU32(env, call[1]));
  const ProfileLengths* lengths = profileLengths(profile);
  Bytes bytes[4];
  for (size_t i = 0; i < 4; i++) bytes[i] = toBytes(env, call[2 + i]);
  const auto fits = [lengths](const Bytes& key, const Bytes& salt) {
    return key.length == lengths->keyBytes && salt.length == lengths->saltBytes;
  };
  if (!lengths || !fits(bytes[0], bytes[1]) || !fits(bytes[2], bytes[3])) {
    return throwRangeError(env, "SRTP keys do not fit the profile");
  }
  if (!call.self->isOpen()) return nullptr;
  const bool set = call.self->socket->setKeys(toU32(env, call[0]), profile, bytes[0].data,
                                              bytes[1].data, bytes[2].data, bytes[3].data);
  if (!set) napi_throw_error(env, nullptr, "OpenSSL refused the SRTP keys");
  return nullptr;
}

// send(records, count, tcpPositions): number of records that are for TCP peers
napi_value send(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes records = toBytes(env, call[0]);
  const size_t count = toU32(env, call[1]);
  const Bytes positions = toBytes(env, call[2]);
  if (count * sizeof(SendRecord) > records.length ||
      count * sizeof(uint32_t) > positions.length) {
    return throwRangeError(env, "count is beyond the batch");
  }
  if (!call.self->isOpen()) return fromU32(env, 0);
  const size_t tcpCount =
      call.self->socket->send(reinterpret_cast<const SendRecord*>(records.data), count,
                              reinterpret_cast<uint32_t*>(positions.data));
  return fromU32(env, static_cast<uint32_t>(tcpCount));
}

// sendDatagram(address, port, bytes): boolean, false where the address cannot be reached from this socket
napi_value sendDatagram(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Endpoint remote;
  const std::string address = toString(env, call[0]);
  const Bytes bytes = toBytes(env, call[2]);
  const bool sent = Endpoint::parse(address.c_str(), toU32(env, call[1]), &remote) &&
                    call.self->isOpen() &&
                    call.self->socket->sendPlain(remote, bytes.data, bytes.length);
  return fromBool(env, sent);
}

// takeCompletions(): number of records now in the completion memory
napi_value takeCompletions(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  SocketObject* object = call.self;
  if (!object->isOpen()) return fromU32(env, 0);
  const size_t count = object->socket->takeCompletions(object->completions, object->completionRoom);
  return fromU32(env, static_cast<uint32_t>(count));
}

// protect(handle, packet, length, headerBytes, index, kind): number, 0 without keys
napi_value protect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[1]);
  const size_t length = toU32(env, call[2]);
  const size_t headerBytes = toU32(env, call[3]);
  const auto kind = static_cast<PacketKind>(toU32(env, call[5]));
  const bool fits = length + kMaxOverheadBytes <= packet.length && length >= kRtcpClearBytes &&
                    (kind == PacketKind::kRtcp || (headerBytes >= 12 && headerBytes <= length));
  if (!fits) return throwRangeError(env, "lengths");
  if (!call.self->isOpen()) return fromU32(env, 0);
  const size_t sealed = call.self->socket->protect(toU32(env, call[0]), packet.data, length,
                                                   headerBytes, toU32(env, call[4]), kind);
  return fromU32(env, static_cast<uint32_t>(sealed));
}

// unprotect(handle, packet, kind): length of the plain packet, or -1 - index of the drop reason
napi_value unprotect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes packet = toBytes(env, call[1]);
  const auto kind = static_cast<PacketKind>(toU32(env, call[2]));
  OpenResult result = OpenResult::dropped(DropReason::kUnknownSource);
  if (call.self->isOpen()) {
    result = call.self->socket->unprotect(toU32(env, call[0]), packet.data, packet.length, kind);
  }
  if (result.length >= 0) return fromNumber(env, static_cast<double>(result.length));
  return fromNumber(env, -1.0 - static_cast<double>(result.reason));
}

// counters(target: Float64Array): fills in the order of NATIVE_COUNTERS
napi_value counters(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes target = toBytes(env, call[0]);
  constexpr size_t kCounters = 2 + kDropReasons + 2 + kSendOutcomes;
  if (target.length < kCounters * sizeof(double)) return throwRangeError(env, "counters");
  auto* out = reinterpret_cast<double*>(target.data);
  const ReceiveCounters& received = call.self->socket->receiver().counters();
  const SendCounters& sent = call.self->socket->sendCounters();
  *out++ = static_cast<double>(received.packets);
  *out++ = static_cast<double>(received.bytes);
  for (const uint64_t drops : received.drops) *out++ = static_cast<double>(drops);
  *out++ = static_cast<double>(sent.sentPackets);
  *out++ = static_cast<double>(sent.sentBytes);
  for (const uint64_t outcome : sent.outcomes) *out++ = static_cast<double>(outcome);
  return nullptr;
}

// runs(target: Float64Array): messages by number of packets in them
napi_value runs(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes target = toBytes(env, call[0]);
  const auto histogram = call.self->socket->runs();
  if (target.length < histogram.size() * sizeof(double)) return throwRangeError(env, "runs");
  auto* out = reinterpret_cast<double*>(target.data);
  for (const uint64_t count : histogram) *out++ = static_cast<double>(count);
  return nullptr;
}

// info(): {port, receiveBufferBytes, sendBufferBytes, gso}
napi_value describe(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const UdpSocket& socket = call.self->socket->socket();
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "port", fromU32(env, socket.port()));
  napi_set_named_property(env, result, "receiveBufferBytes",
                          fromNumber(env, socket.receiveBufferBytes()));
  napi_set_named_property(env, result, "sendBufferBytes",
                          fromNumber(env, socket.sendBufferBytes()));
  napi_set_named_property(env, result, "gso", fromBool(env, socket.hasGso()));
  return result;
}

}  // namespace

void defineMediaSocket(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      method("start", start),
      method("close", close),
      method("openTransport", openTransport),
      method("closeTransport", closeTransport),
      method("setUdpRemote", setUdpRemote),
      method("setTcpRemote", setTcpRemote),
      method("clearRemote", clearRemote),
      method("setKeys", setKeys),
      method("send", send),
      method("sendDatagram", sendDatagram),
      method("takeCompletions", takeCompletions),
      method("protect", protect),
      method("unprotect", unprotect),
      method("counters", counters),
      method("runs", runs),
      method("info", describe),
  };
  napi_value constructor;
  napi_define_class(env, "MediaSocket", NAPI_AUTO_LENGTH, construct, nullptr,
                    sizeof properties / sizeof *properties, properties, &constructor);
  napi_set_named_property(env, exports, "MediaSocket", constructor);
}

}  // namespace cation

// MediaSocket for JavaScript: its methods. Where the object comes from and goes: socket_object.h.
#include "media_socket_binding.h"

#include <uv.h>

#include <memory>
#include <string>

#include "media_socket.h"
#include "napi_util.h"
#include "socket_object.h"

namespace cation {

namespace {

using Call = Arguments<SocketObject, 6>;

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
    watchSocket(object, writable ? reading | UV_WRITABLE : reading);
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
  uv_async_init(object->loop, &object->async, onCompletionsReady);
  object->async.data = object.get();
  const char* failedCall = "";
  const int error = socket->open(&failedCall);
  if (error != 0) {
    abandonSocket(std::move(object));
    return throwErrno(env, failedCall, error, where);
  }
  socket->receiver().useMemory(memory);
  object->socket = std::move(socket);
  adoptSocket(object.release(), self, values[1], getProperty(env, values[2], "onWake"),
              getProperty(env, values[2], "onCompletions"));
  return self;
}

// start(): begins to read.
napi_value start(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.self->isOpen()) watchSocket(call.self, call.self->pollEvents | UV_READABLE);
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

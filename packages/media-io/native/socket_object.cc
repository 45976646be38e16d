#include "socket_object.h"

#include "napi_util.h"

namespace cation {

namespace {

// At most so many batches a wake-up, so that timers and other sockets get their turn.
constexpr int kBatchesAWake = 8;

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
  WakeBudget& budget = object->budget;
  budget.renew();
  for (int i = 0; i < kBatchesAWake && object->isOpen() && !budget.spent(); i++) {
    PacketReceiver& receiver = object->socket->receiver();
    if (!receiver.receive(budget.datagrams(PacketReceiver::kBatch))) return;
    const bool more = receiver.mayHaveMore();
    const uint32_t counts[] = {static_cast<uint32_t>(receiver.recordCount()),
                               static_cast<uint32_t>(receiver.datagramCount())};
    const uint64_t recordsBefore = object->socket->recordsTaken();
    if (counts[0] + counts[1] > 0) callBack(object, object->onWake, 2, counts);
    budget.note(counts[0] + counts[1], object->socket->recordsTaken() - recordsBefore);
    if (!more) return;
  }
}

}  // namespace

void watchSocket(SocketObject* object, int events) {
  if (object->closing || events == object->pollEvents) return;
  object->pollEvents = events;
  uv_poll_start(&object->poll, events, onPoll);
}

void onCompletionsReady(uv_async_t* async) {
  auto* object = static_cast<SocketObject*>(async->data);
  if (object->isOpen()) callBack(object, object->onCompletions, 0, nullptr);
}

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

napi_ref referTo(napi_env env, napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env, value, 1, &reference);
  return reference;
}

void adoptSocket(SocketObject* object, napi_value self, napi_value memory, napi_value onWake,
                 napi_value onCompletions) {
  napi_env env = object->env;
  uv_poll_init(object->loop, &object->poll, object->socket->socket().fd());
  object->poll.data = object;
  object->memory = referTo(env, memory);
  object->onWake = referTo(env, onWake);
  object->onCompletions = referTo(env, onCompletions);
  napi_value name;
  napi_create_string_utf8(env, "cation:media-io", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, self, name, &object->asyncContext);
  napi_add_async_cleanup_hook(env, onEnvironmentEnd, object, &object->cleanupHook);
  // Strong until closed: the event loop refers to it.
  object->self = referTo(env, self);
  napi_wrap(env, self, object, finalize, nullptr, nullptr);
}

void abandonSocket(std::unique_ptr<SocketObject> object) {
  // The handle outlives this call; the object goes with it.
  SocketObject* unused = object.release();
  unused->environmentEnds = true;
  unused->finalized = true;
  unused->openHandles = 1;
  uv_close(reinterpret_cast<uv_handle_t*>(&unused->async), onHandleClosed);
}

}  // namespace cation

// The JavaScript object MediaSocket and its uv handles: how it is called back, and the order in which all of it goes away.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <memory>

#include "media_socket.h"
#include "wake_budget.h"

namespace cation {

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
  WakeBudget budget;

  bool isOpen() const { return socket && !closing; }
};

// Sets the events (UV_READABLE, UV_WRITABLE) for which the event loop watches the socket.
void watchSocket(SocketObject* object, int events);

// Begins to close; `onClosed` is called when the port is free. Idempotent.
void closeSocket(SocketObject* object);

// Gives the object to JavaScript: from here on the event loop, the garbage collector and the environment's end decide.
void adoptSocket(SocketObject* object, napi_value self, napi_value memory, napi_value onWake,
                 napi_value onCompletions);

// Gives up an object of which only the async handle has been initialised.
void abandonSocket(std::unique_ptr<SocketObject> object);

// The callback of `SocketObject::async`.
void onCompletionsReady(uv_async_t* async);

napi_ref referTo(napi_env env, napi_value value);

}  // namespace cation

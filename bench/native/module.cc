// The bench's native programs as one addon, so that they run on the OpenSSL inside the node binary, as the system under
// test does. Each function blocks its thread: a process is started for each.
#include <node_api.h>

#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>

#include "bare-loop.h"
#include "sink.h"
#include "source.h"

namespace {

// Reads the fields of the one argument, an object; a missing number throws.
class Options {
 public:
  Options(napi_env env, napi_callback_info info) : env_(env) {
    size_t argc = 1;
    napi_get_cb_info(env, info, &argc, &object_, nullptr, nullptr);
  }
  double number(const char* name) const {
    napi_value v;
    double d = 0;
    if (napi_get_named_property(env_, object_, name, &v) != napi_ok || napi_get_value_double(env_, v, &d) != napi_ok)
      throw std::runtime_error(std::string("option ") + name + " must be a number");
    return d;
  }
  std::string text(const char* name) const {
    napi_value v;
    size_t n = 0;
    if (napi_get_named_property(env_, object_, name, &v) != napi_ok ||
        napi_get_value_string_utf8(env_, v, nullptr, 0, &n) != napi_ok)
      throw std::runtime_error(std::string("option ") + name + " must be a string");
    std::string text(n + 1, '\0');
    napi_get_value_string_utf8(env_, v, text.data(), n + 1, &n);
    text.resize(n);
    return text;
  }

 private:
  napi_env env_;
  napi_value object_;
};

class Result {
 public:
  explicit Result(napi_env env) : env_(env) { napi_create_object(env, &object_); }
  Result& set(const char* name, double value) {
    napi_value v;
    napi_create_double(env_, value, &v);
    napi_set_named_property(env_, object_, name, v);
    return *this;
  }
  operator napi_value() const { return object_; }

 private:
  napi_env env_;
  napi_value object_;
};

napi_value source(napi_env env, const Options& o) {
  bench::SourceOptions options{int(o.number("firstLocalPort")), int(o.number("targetPort")),
                               int(o.number("publishers")), uint32_t(o.number("firstTransportIndex")),
                               uint32_t(o.number("firstSsrc")), uint32_t(o.number("firstSequence")),
                               int(o.number("payloadType")), int(o.number("packetBytes")), {},
                               o.number("packetsPerSecond"), o.number("durationMs")};
  std::istringstream perFrame(o.text("packetsPerFrame"));
  for (int n; perFrame >> n;) options.packetsPerFrame.push_back(n);
  bench::SourceResult r = bench::runSource(options);
  return Result(env).set("sent", double(r.sent)).set("failed", double(r.failed)).set("seconds", r.seconds);
}

napi_value bareLoop(napi_env env, const Options& o) {
  bench::BareLoopResult r =
      bench::runBareLoop({int(o.number("localPort")), int(o.number("firstSubscriberPort")), int(o.number("subscribers")),
                          uint32_t(o.number("publisherIndex")), uint32_t(o.number("firstSubscriberIndex")),
                          o.number("durationMs"), int(o.number("batch")), int(o.number("extensionBytes"))});
  return Result(env)
      .set("received", double(r.received))
      .set("sent", double(r.sent))
      .set("refused", double(r.refused))
      .set("cpuUs", r.cpuUs)
      .set("systemUs", r.systemUs)
      .set("seconds", r.seconds)
      .set("delayP50Us", r.delayP50Us)
      .set("delayP99Us", r.delayP99Us)
      .set("delayP999Us", r.delayP999Us);
}

napi_value sink(napi_env env, const Options& o) {
  bench::SinkResult r = bench::runSink(
      {int(o.number("firstPort")), int(o.number("subscribers")), int(o.number("controlPort")),
       int(o.number("serverPort")), uint32_t(o.number("firstSubscriberIndex")), o.number("feedback") != 0,
       int(o.number("transportCcExtensionId")), int(o.number("nackPermille")), o.text("credentials")});
  return Result(env)
      .set("packets", double(r.packets))
      .set("bytes", double(r.bytes))
      .set("lost", double(r.lost))
      .set("reordered", double(r.reordered))
      .set("rtx", double(r.rtx))
      .set("feedbackSent", double(r.feedbackSent))
      .set("stunAnswers", double(r.stunAnswers))
      .set("cpuUs", r.cpuUs)
      .set("seconds", r.seconds)
      .set("packetsPerSecond", r.packetsPerSecond);
}

template <napi_value (*Run)(napi_env, const Options&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return Run(env, Options(env, info));
  } catch (const std::exception& e) {
    napi_throw_error(env, "BENCH", e.what());
    return nullptr;
  }
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"source", nullptr, guarded<source>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"bareLoop", nullptr, guarded<bareLoop>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"sink", nullptr, guarded<sink>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 3, functions);
  return exports;
}

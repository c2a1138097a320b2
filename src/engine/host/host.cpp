#include "engine/host/host.h"

#include "base/async.h"
#include "engine/host/child.h"

#include <algorithm>
#include <list>
#include <map>

namespace outcrop::engine {
namespace {

constexpr Millis stable_after{60'000};  // running so long, failures before are forgotten
constexpr Millis deadline_grace{
    2'000};  // the engine ends late requests itself; this is for one that hangs
constexpr std::int64_t loop_failures = 3;

bool ends_stream(FrameType type) { return type != FrameType::events; }

}  // namespace

struct Stream::State {
  explicit State(std::uint32_t given) : credits(given), frames(std::size_t{given} + 8) {}
  std::weak_ptr<Host> host;
  std::uint32_t id = 0;
  std::uint32_t credits = 0;
  std::uint32_t consumed = 0;  // events frames not yet given back as credits
  bool answered = false;       // an event was received
  bool ended = false;
  Channel<Frame> frames;
  CancelSource timer;
  CancelRegistration cancelled;
};

struct Host::Impl {
  Impl(Host& owner, Loop& event_loop, HostOptions given)
      : host(owner), loop(event_loop), options(std::move(given)) {}

  using State = HostStatus::State;
  using Waiter = OneShot<Result<void>>;

  void say(LogLevel level, std::string_view what, const std::string& detail) const {
    if (options.say) options.say(level, what, detail);
  }

  void launch();
  void on_frame(const Frame& frame);
  void on_end(const std::string& how, bool clean);
  void failed(const std::string& sentence);
  void wake(const Result<void>& result);
  void watch_idle();
  void end_stream(const std::shared_ptr<Stream::State>& stream, const Error& error);
  void end_all(Code before, Code after, const std::string& message);
  void set_state(State next) {
    state = next;
    ++epoch;
    timers.cancel();
    timers = {};
  }

  Host& host;
  Loop& loop;
  HostOptions options;
  State state = State::stopped;
  CancelSource timers;  // of this state
  std::uint64_t epoch =
      0;  // counts state changes, so that a timer of an earlier state does nothing
  std::unique_ptr<Child> child;
  std::uint32_t next_stream = 0;
  std::map<std::uint32_t, std::shared_ptr<Stream::State>> streams;
  std::list<Waiter> waiters;
  std::optional<Error> start_error;  // the engine's own reason for not serving
  std::string last_line;             // of its standard error
  std::string last_failure;
  std::int64_t starts = 0;
  std::int64_t failures = 0;
  Instant first_failure;
  Instant running_since;
  Instant next_start;
  Instant last_used = now();
  bool timed_out = false;
  bool unloading = false;
  bool stopping = false;
  OneShot<bool> stopped;
};

// Timers hold the host weakly: a sleep does not keep an engine alive.
namespace {

Task<void> after(Loop& loop, Millis delay, CancelToken cancel, std::function<void()> then) {
  if (co_await loop.sleep(delay, cancel)) then();
}

Task<void> at_deadline(Loop& loop, Deadline deadline, CancelToken cancel,
                       std::function<void()> then) {
  if (co_await loop.sleep_until(deadline, cancel)) then();
}

}  // namespace

void Host::Impl::launch() {
  set_state(State::starting);
  start_error.reset();
  last_line.clear();
  timed_out = unloading = false;
  ++starts;
  std::weak_ptr<Host> weak = host.weak_from_this();
  auto started = Child::start(
      loop, options.program, options.arguments, options.send_bytes_max,
      ChildEvents{.frame = [this](Frame frame) { on_frame(frame); },
                  .line =
                      [this](std::string line) {
                        say(LogLevel::debug, "engine wrote", line);
                        last_line = std::move(line);
                      },
                  .ended = [this](std::string how, bool clean) { on_end(how, clean); }});
  if (!started) {
    // Asynchronous like every other failure, so that who asked is already waiting.
    loop.post([weak, message = started.error().message] {
      if (auto self = weak.lock()) self->impl_->failed(message);
    });
    return;
  }
  child = std::move(*started);
  if (auto sent = child->send(
          Frame{FrameType::hello, 0, json::write(json::Object{{"protocol", protocol_version}})});
      !sent)
    child->kill();
  loop.spawn(after(loop, options.start_timeout, timers.token(), [weak, mine = epoch] {
    auto self = weak.lock();
    if (!self || self->impl_->epoch != mine || !self->impl_->child) return;
    self->impl_->timed_out = true;
    self->impl_->child->kill();
  }));
}

void Host::Impl::on_frame(const Frame& frame) {
  if (frame.stream == 0) {
    if (frame.type == FrameType::hello_ok) {
      auto value = json::read(frame.payload);
      const auto* model = value ? json::find(*value, "model") : nullptr;
      auto description = model ? Description::from_json(*model)
                               : Result<Description>(fail(Code::corrupt, "no description"));
      if (!description || state != State::starting) {
        start_error = Error{.code = Code::internal, .message = "its greeting cannot be read"};
        child->kill();
        return;
      }
      host.description_ = std::move(*description);
      set_state(State::running);
      running_since = now();
      say(LogLevel::info, "engine runs", options.name);
      wake({});
      if (options.idle_timeout.count() > 0) watch_idle();
    } else if (frame.type == FrameType::error) {
      start_error = decode_error(frame.payload);
    }
    return;
  }
  const auto found = streams.find(frame.stream);
  if (found == streams.end()) return;  // given up by its reader
  const auto stream = found->second;
  if (frame.type == FrameType::events) stream->answered = true;
  const bool fits = stream->frames.try_push(frame);
  if (!fits) {
    end_stream(stream, Error{.code = Code::internal,
                             .message = "the engine sent more than it had credit for"});
    return;
  }
  if (ends_stream(frame.type)) {
    stream->ended = true;
    stream->timer.cancel();
    streams.erase(stream->id);
    last_used = now();
    stream->frames.close();
  }
}

void Host::Impl::end_stream(const std::shared_ptr<Stream::State>& stream, const Error& error) {
  if (stream->ended) return;
  stream->ended = true;
  stream->timer.cancel();
  streams.erase(stream->id);
  last_used = now();
  // When the reader is far behind there may be no room; it then sees the stream end without done.
  (void)stream->frames.try_push(Frame{FrameType::error, stream->id, encode_error(error)});
  stream->frames.close();
}

void Host::Impl::end_all(Code before, Code after_first, const std::string& message) {
  auto open = std::move(streams);
  streams.clear();
  for (auto& [id, stream] : open)
    end_stream(stream, Error{.code = stream->answered ? after_first : before, .message = message});
}

void Host::Impl::wake(const Result<void>& result) {
  auto waking = std::move(waiters);
  waiters.clear();
  for (auto& waiter : waking) waiter.set(result);
}

void Host::Impl::watch_idle() {
  std::weak_ptr<Host> weak = host.weak_from_this();
  loop.spawn(after(loop, options.idle_timeout, timers.token(), [weak, mine = epoch] {
    auto self = weak.lock();
    if (!self || self->impl_->epoch != mine) return;
    auto& impl = *self->impl_;
    if (!impl.streams.empty() || now() - impl.last_used < impl.options.idle_timeout) {
      impl.watch_idle();
      return;
    }
    impl.say(LogLevel::info, "engine unloaded, nobody asked", impl.options.name);
    impl.unloading = true;
    impl.child->close();
  }));
}

void Host::Impl::on_end(const std::string& how, bool clean) {
  const bool was_running = state == State::running;
  std::unique_ptr<Child> gone = std::move(child);
  // The child's threads end by themselves; joining them here takes no time, but not inside their
  // callback.
  loop.post([keep = std::shared_ptr<Child>(std::move(gone))] { (void)keep; });
  if (unloading && clean && !stopping) {
    set_state(State::stopped);
    if (!waiters.empty()) launch();  // somebody asked while it was going
    return;
  }
  if (stopping) {
    set_state(State::stopped);
    end_all(Code::cancelled, Code::cancelled, "The model is being stopped.");
    wake(fail(Code::model_not_ready, "The model {} is stopped.", options.name));
    stopped.set(true);
    return;
  }
  if (was_running && now() - running_since > stable_after) failures = 0;
  std::string reason = how;
  if (timed_out) {
    reason = fmt::format("did not finish loading within {} ms", options.start_timeout.count());
  } else if (start_error) {
    reason = start_error->message;
  } else if (!last_line.empty()) {
    reason += "; its last words: " + last_line;
  }
  end_all(Code::model_not_ready, Code::model_stream_error,
          "The model's engine stopped while it worked on this request; it is being started again.");
  failed(reason);
}

void Host::Impl::failed(const std::string& sentence) {
  const bool at_start = state == State::starting;
  if (failures++ == 0) first_failure = now();
  last_failure = sentence;
  const auto factor = std::min<std::int64_t>(failures - 1, 20);
  const Millis delay =
      std::min(options.restart_most, Millis(options.restart_first.count() << factor));
  if (failures == loop_failures) {
    say(LogLevel::error, "engine keeps failing",
        fmt::format(
            "{} failed {} times in {} ms ({}); from now on it is started again after up to {} ms",
            options.name, failures,
            std::chrono::duration_cast<Millis>(now() - first_failure).count(), sentence,
            options.restart_most.count()));
  } else if (failures < loop_failures) {
    say(LogLevel::warn, at_start ? "engine does not start" : "engine stopped",
        fmt::format("{}: {}; next start in {} ms", options.name, sentence, delay.count()));
  }
  set_state(State::waiting);
  next_start = now() + delay;
  if (at_start)
    wake(fail(Code::model_not_ready, "The model {} is not ready: {}", options.name, sentence));
  std::weak_ptr<Host> weak = host.weak_from_this();
  loop.spawn(after(loop, delay, timers.token(), [weak, mine = epoch] {
    if (auto self = weak.lock(); self && self->impl_->epoch == mine) self->impl_->launch();
  }));
}

Host::Host(Loop& loop, HostOptions options)
    : impl_(std::make_unique<Impl>(*this, loop, std::move(options))) {}

Host::~Host() { impl_->timers.cancel(); }

std::shared_ptr<Host> Host::make(Loop& loop, HostOptions options) {
  return std::shared_ptr<Host>(new Host(loop, std::move(options)));
}

const std::string& Host::name() const { return impl_->options.name; }

HostStatus Host::status() const {
  return {impl_->state,          impl_->child ? impl_->child->pid() : 0,
          impl_->starts,         impl_->failures,
          impl_->streams.size(), impl_->last_failure};
}

Task<Result<void>> Host::ready(Deadline deadline, CancelToken cancel) {
  auto self = shared_from_this();
  auto& impl = *impl_;
  impl.last_used = now();
  if (impl.stopping) co_return fail(Code::model_not_ready, "The model {} is stopped.", name());
  if (impl.state == HostStatus::State::running && !impl.unloading) co_return Result<void>();
  if (impl.state == HostStatus::State::waiting && impl.next_start - now() > impl.options.patience)
    co_return fail(Code::model_not_ready, "The model {} is not ready: {}", name(),
                   impl.last_failure);
  if (impl.waiters.size() >= impl.options.streams_max)
    co_return fail(Code::throttled, "Too many requests: {} wait for the model {} to start.",
                   impl.waiters.size(), name());
  if (impl.state == HostStatus::State::stopped) impl.launch();
  Impl::Waiter waiter;
  impl.waiters.push_back(waiter);
  CancelSource timer;
  if (!deadline.never())
    impl.loop.spawn(at_deadline(impl.loop, deadline, timer.token(), [waiter]() mutable {
      waiter.set(
          fail(Code::model_timeout, "The model did not start within the request's deadline."));
    }));
  const auto registration = cancel.on_cancel(
      [waiter]() mutable { waiter.set(fail(Code::cancelled, "the request was cancelled")); });
  auto result = co_await waiter;
  timer.cancel();
  co_return result;
}

Task<Result<Description>> Host::start() {
  auto self = shared_from_this();
  CO_CHECK(co_await ready({}, {}));
  co_return *description_;
}

Task<Result<StreamPtr>> Host::open(FrameType type, json::Object body, Deadline deadline,
                                   CancelToken cancel) {
  auto self = shared_from_this();
  auto& impl = *impl_;
  CO_CHECK(co_await ready(deadline, cancel));
  if (cancel.cancelled()) co_return fail(Code::cancelled, "the request was cancelled");
  if (!impl.child)
    co_return fail(Code::model_not_ready, "The model {} is not ready: {}", name(),
                   impl.last_failure);
  if (impl.streams.size() >= impl.options.streams_max)
    co_return fail(Code::throttled,
                   "Too many requests: {} are open for the model {}, which is its limit.",
                   impl.streams.size(), name());
  if (!deadline.never()) {
    const auto left = std::chrono::duration_cast<Millis>(deadline.at() - now()).count();
    body["deadline_ms"] = std::max<std::int64_t>(1, left);
  }
  const auto credits =
      static_cast<std::uint32_t>(json::find_int(body, "credits").value_or(credits_default));
  auto state = std::make_shared<Stream::State>(credits);
  state->host = self;
  while (impl.next_stream == 0 || impl.streams.contains(impl.next_stream)) ++impl.next_stream;
  state->id = impl.next_stream++;
  Frame frame{type, state->id, json::write(body)};
  CO_CHECK(impl.child->send(frame));
  impl.streams.emplace(state->id, state);

  std::weak_ptr<Host> weak = self;
  std::weak_ptr<Stream::State> weak_state = state;
  const auto end_with = [weak, weak_state](Code code, const char* message) {
    auto host = weak.lock();
    auto stream = weak_state.lock();
    if (!host || !stream || stream->ended) return;
    const auto id = stream->id;
    host->impl_->end_stream(stream, Error{.code = code, .message = message});
    if (host->impl_->child) (void)host->impl_->child->send(Frame{FrameType::cancel, id, {}});
  };
  state->cancelled =
      cancel.on_cancel([end_with] { end_with(Code::cancelled, "the request was cancelled"); });
  if (!deadline.never()) {
    impl.loop.spawn(at_deadline(
        impl.loop, Deadline(deadline.at() + deadline_grace), state->timer.token(), [end_with] {
          end_with(Code::model_timeout, "The model did not finish within the request's deadline.");
        }));
  }
  StreamPtr stream(new Stream(std::move(state)));
  co_return stream;
}

Task<Result<Frame>> Host::ask(FrameType type, json::Object body, Deadline deadline,
                              CancelToken cancel) {
  CO_TRY(stream, co_await open(type, std::move(body), deadline, cancel));
  auto frame = co_await stream->next();
  if (!frame) co_return fail(Code::model_error, "The model's engine gave no answer.");
  if (frame->type == FrameType::error) co_return fail(decode_error(frame->payload));
  co_return std::move(*frame);
}

Task<void> Host::stop() {
  auto self = shared_from_this();
  auto& impl = *impl_;
  if (impl.stopping && !impl.child) co_return;
  impl.stopping = true;
  if (!impl.child) {
    impl.set_state(HostStatus::State::stopped);
    impl.wake(fail(Code::model_not_ready, "The model {} is stopped.", name()));
  } else {
    impl.child->close();
    co_await impl.stopped;
  }
  // A turn for the timers that were just called off, so that nothing of ours is left on the loop.
  (void)co_await impl.loop.sleep(Millis(1));
}

Stream::~Stream() {
  state_->cancelled.reset();
  state_->timer.cancel();
  if (state_->ended) return;
  state_->ended = true;
  state_->frames.close();
  if (auto host = state_->host.lock()) {
    host->impl_->streams.erase(state_->id);
    host->impl_->last_used = now();
    if (host->impl_->child)
      (void)host->impl_->child->send(Frame{FrameType::cancel, state_->id, {}});
  }
}

Task<std::optional<Frame>> Stream::next() {
  auto state = state_;
  auto frame = co_await state->frames.pop();
  if (frame && frame->type == FrameType::events && !state->ended) {
    // In halves: a frame for each event would double the traffic.
    if (++state->consumed >= std::max(1U, state->credits / 2)) {
      if (auto host = state->host.lock(); host && host->impl_->child)
        (void)host->impl_->child->send(
            Frame{FrameType::credit, state->id, encode_u32(state->consumed)});
      state->consumed = 0;
    }
  }
  co_return frame;
}

}  // namespace outcrop::engine

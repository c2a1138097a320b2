#include "engine/host/child.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace outcrop::engine {
namespace {

constexpr std::size_t line_bytes_max = 2'000;
constexpr int child_socket = 3;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Out of the way of the numbers that the child's descriptors get.
Fd moved_up(Fd fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16)); }

Failure system_failure(const char* what) {
  return fail(Code::io, "{} for an engine failed: {}", what, std::strerror(errno));
}

Result<int> spawn(const std::string& program, const std::vector<std::string>& arguments, int socket,
                  int errors) {
  std::vector<std::string> words{program, "engine"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (const auto& word : {std::string("--fd"), std::to_string(child_socket),
                           std::string("--parent"), std::to_string(::getpid())})
    words.push_back(word);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, errors, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&files, socket, child_socket);
  posix_spawn_file_actions_addclosefrom_np(&files, child_socket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: ^C in a terminal is for the parent, which ends its engines when it is done.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return fail(Code::io, "the engine program {} cannot be started: {}", program,
                std::strerror(error));
  return pid;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                       ::sigdescr_np(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

// Outlives the Child until its threads and posted work are done.
struct Child::Shared : std::enable_shared_from_this<Child::Shared> {
  explicit Shared(Loop& owner) : loop(owner) {}

  Loop& loop;
  ChildEvents events;     // the loop's thread
  bool detached = false;  // the loop's thread: nobody listens any more
  int pid = -1;
  Fd socket;
  Fd errors;
  std::size_t send_bytes_max = 0;
  std::thread reader;
  std::thread writer;

  std::mutex sending;
  std::condition_variable to_send;
  std::deque<std::string> queue;
  std::size_t queued_bytes = 0;
  bool closing = false;

  std::mutex ending;
  bool reaped = false;  // its process number may belong to another one by now

  void kill() {
    const std::lock_guard lock(ending);
    if (!reaped) ::kill(pid, SIGKILL);
  }
  bool reap(int& status) {
    const std::lock_guard lock(ending);
    reaped = ::waitpid(pid, &status, WNOHANG) != 0;
    return reaped;
  }

  void tell(std::function<void(ChildEvents&)> what) {
    loop.post([self = shared_from_this(), what = std::move(what)] {
      if (!self->detached) what(self->events);
    });
  }

  void write() {
    while (true) {
      std::string bytes;
      {
        std::unique_lock lock(sending);
        to_send.wait(lock, [&] { return closing || !queue.empty(); });
        if (closing) break;
        bytes = std::move(queue.front());
        queue.pop_front();
        queued_bytes -= bytes.size();
      }
      std::string_view rest = bytes;
      while (!rest.empty()) {
        const auto sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;  // the reader sees the end and tells
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    ::shutdown(socket.get(), SHUT_RDWR);
  }

  void read_line_bytes(std::string& line) {
    std::array<char, 4096> buffer;
    const auto count = ::read(errors.get(), buffer.data(), buffer.size());
    if (count <= 0) {
      if (count < 0 && errno == EINTR) return;
      errors.reset();
      return;
    }
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(count))) {
      if (c != '\n') {
        if (line.size() < line_bytes_max) line.push_back(c);
        continue;
      }
      tell([text = std::exchange(line, {})](ChildEvents& to) { to.line(text); });
    }
  }

  void read() {
    FrameReader frames;
    std::string line;
    std::string broken;
    bool open = true;
    while (open) {
      std::array<pollfd, 2> ready{{{socket.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), -1) < 0) {
        if (errno == EINTR) continue;
        break;
      }
      if (ready[1].revents != 0 && errors.get() >= 0) read_line_bytes(line);
      if (ready[0].revents == 0) continue;
      std::array<char, 64 << 10> buffer;
      const auto count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      frames.feed({buffer.data(), static_cast<std::size_t>(count)});
      while (true) {
        auto frame = frames.next();
        if (!frame) {
          broken = "broke the protocol: " + frame.error().message;
          open = false;
          break;
        }
        if (!*frame) break;
        tell([f = std::move(**frame)](ChildEvents& to) { to.frame(f); });
      }
    }
    // Without its connection the process has nothing to live for; usually it is gone already.
    if (!broken.empty()) kill();
    int status = 0;
    for (int waited_ms = 0; !reap(status); waited_ms += 10) {
      if (waited_ms == 2'000) kill();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    // Its last words may still be in the pipe.
    if (errors.get() >= 0) ::fcntl(errors.get(), F_SETFL, O_NONBLOCK);
    while (errors.get() >= 0) read_line_bytes(line);
    if (!line.empty()) tell([line](ChildEvents& to) { to.line(line); });
    const bool clean = broken.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    tell([how = broken.empty() ? how_it_ended(status) : broken, clean](ChildEvents& to) {
      to.ended(how, clean);
    });
  }
};

Result<std::unique_ptr<Child>> Child::start(Loop& loop, const std::string& program,
                                            const std::vector<std::string>& arguments,
                                            std::size_t send_bytes_max, ChildEvents events) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_failure("a socket pair");
  Fd ours(ends[0]);
  Fd theirs = moved_up(Fd(ends[1]));
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return system_failure("a pipe");
  Fd errors(pipe_ends[0]);
  Fd their_errors = moved_up(Fd(pipe_ends[1]));
  if (theirs.get() < 0 || their_errors.get() < 0) return system_failure("a descriptor");
  TRY(pid, spawn(program, arguments, theirs.get(), their_errors.get()));

  std::unique_ptr<Child> child(new Child);
  child->pid_ = pid;
  child->shared_ = std::make_shared<Shared>(loop);
  auto& shared = *child->shared_;
  shared.events = std::move(events);
  shared.pid = pid;
  shared.socket = std::move(ours);
  shared.errors = std::move(errors);
  shared.send_bytes_max = send_bytes_max;
  shared.reader = std::thread([s = child->shared_.get()] { s->read(); });
  shared.writer = std::thread([s = child->shared_.get()] { s->write(); });
  return child;
}

Child::~Child() {
  shared_->detached = true;
  shared_->events = {};
  close();
  // A process that already ended and was waited for has its number free for others: the reader,
  // which waits, kills what does not end by itself.
  shared_->reader.join();
  shared_->writer.join();
}

Result<void> Child::send(const Frame& frame) {
  TRY(bytes, encode(frame));
  const std::lock_guard lock(shared_->sending);
  if (shared_->queued_bytes > 0 && shared_->queued_bytes + bytes.size() > shared_->send_bytes_max)
    return fail(Code::throttled,
                "Too many requests: {} bytes wait to be sent to this model's engine, and {} is the "
                "limit; try again later.",
                shared_->queued_bytes, shared_->send_bytes_max);
  shared_->queued_bytes += bytes.size();
  shared_->queue.push_back(std::move(bytes));
  shared_->to_send.notify_one();
  return {};
}

void Child::close() {
  const std::lock_guard lock(shared_->sending);
  if (std::exchange(shared_->closing, true)) return;
  shared_->to_send.notify_one();
  // Also wakes a writer that is stuck in a full socket.
  ::shutdown(shared_->socket.get(), SHUT_RDWR);
}

void Child::kill() { shared_->kill(); }

}  // namespace outcrop::engine

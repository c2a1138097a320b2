#include "app/registry/fetch.h"

#include "base/text.h"
#include "json/json.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace outcrop::registry {
namespace {

constexpr int tries_limit = 5;
constexpr std::int64_t spare_bytes = 256LL << 20;
constexpr std::int64_t file_bytes_limit = 1'000'000'000'000;

/// The file so far: its bytes, their hash, and which version of the URL they are of.
class Part {
 public:
  explicit Part(const Download& what)
      : path_(what.target + ".part"), facts_(path_ + ".json"), url_(what.url) {
    reset();
  }
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  Result<void> open() {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return fail(Code::io, "{} cannot be written: {}", path_, std::strerror(errno));
    std::ifstream in(facts_, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    auto facts = json::read(text);
    bool ours =
        facts && facts->is_object() && json::find_string(facts->get_object(), "url") == url_;
    if (ours) version_ = json::find_string(facts->get_object(), "version").value_or("");
    if (version_.empty()) return restart();
    std::string buffer(1 << 20, '\0');
    for (;;) {
      auto count = ::read(fd_, buffer.data(), buffer.size());
      if (count < 0) return fail(Code::io, "{} cannot be read: {}", path_, std::strerror(errno));
      if (count == 0) return {};
      EVP_DigestUpdate(hash_.get(), buffer.data(), static_cast<std::size_t>(count));
      bytes_ += count;
    }
  }
  Result<void> restart() {
    reset();
    bytes_ = 0;
    version_.clear();
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
      return fail(Code::io, "{}: {}", path_, std::strerror(errno));
    return {};
  }
  void version(std::string version) {
    if (version == version_) return;
    version_ = std::move(version);
    json::Object facts;
    facts["url"] = url_;
    facts["version"] = version_;
    std::ofstream(facts_, std::ios::trunc) << json::write(json::Value(std::move(facts)));
  }
  Result<void> append(std::string_view bytes) {
    EVP_DigestUpdate(hash_.get(), bytes.data(), bytes.size());
    bytes_ += static_cast<std::int64_t>(bytes.size());
    while (!bytes.empty()) {
      auto count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0)
        return fail(Code::too_large, "{} cannot be written: {}", path_, std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }
  std::string digest() {
    unsigned char out[32];
    unsigned size = 0;
    EVP_DigestFinal_ex(hash_.get(), out, &size);
    return hex({reinterpret_cast<const char*>(out), size});
  }
  Result<void> become(const std::string& target) {
    if (::fsync(fd_) != 0 || ::fchmod(fd_, 0644) != 0 ||
        ::rename(path_.c_str(), target.c_str()) != 0) {
      return fail(Code::io, "{} cannot be written: {}", target, std::strerror(errno));
    }
    ::unlink(facts_.c_str());
    return {};
  }
  void discard() {
    ::unlink(path_.c_str());
    ::unlink(facts_.c_str());
  }
  std::int64_t free_bytes() const {
    struct statvfs disk{};
    if (::fstatvfs(fd_, &disk) != 0) return file_bytes_limit;
    return static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  }
  std::int64_t bytes() const { return bytes_; }
  const std::string& version() const { return version_; }
  const std::string& path() const { return path_; }

 private:
  void reset() {
    hash_.reset(EVP_MD_CTX_new());
    EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
  }
  std::string path_, facts_, url_, version_;
  int fd_ = -1;
  std::int64_t bytes_ = 0;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash_{nullptr, EVP_MD_CTX_free};
};

std::int64_t number(std::string_view text) {
  std::int64_t out = -1;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// A strong validator, as If-Range wants one (RFC 9110, 13.1.5); empty where there is none.
std::string version_of(const wire::Headers& headers) {
  auto tag = headers.find("etag");
  if (tag && !tag->starts_with("W/")) return std::string(*tag);
  return std::string(headers.find("last-modified").value_or(""));
}

Failure refused(const std::string& url, int status) {
  switch (status) {
    case 401:
    case 403:
      return fail(
          Code::access_denied,
          "{} may not be read (status {}): the model may want a login, fetch it with a browser "
          "and add the file",
          url, status);
    case 404:
    case 410:
      return fail(Code::not_found, "there is nothing at {} (status {})", url, status);
    case 429:
      return fail(Code::throttled, "{} asks to wait (status 429)", url);
    default:
      return fail(status >= 500 ? Code::unavailable : Code::io, "{} answered {}", url, status);
  }
}

struct Attempt {
  Result<void> outcome;
  std::int64_t total = 0;
  bool progressed = false;
};

Task<Attempt> attempt(wire::Client& client, std::string url, Part& part, FetchProgress progress,
                      CancelToken cancel) {
  Attempt out;
  std::int64_t before = part.bytes();
  wire::OutboundRequest asked;
  asked.url = url;
  asked.headers.add("accept", "*/*");
  asked.headers.add("accept-encoding", "identity");
  asked.silence = Millis(60'000);
  if (before > 0) {
    asked.headers.add("range", fmt::format("bytes={}-", before));
    asked.headers.add("if-range", part.version());
  }
  auto answer = co_await client.send(std::move(asked), cancel);
  if (!answer) {
    out.outcome = fail(answer.error());
    co_return out;
  }
  const auto& head = (*answer)->head();
  std::int64_t length = number(head.headers.find("content-length").value_or(""));
  if (head.status == 206) {
    std::string_view range = head.headers.find("content-range").value_or("");  // bytes 100-199/200
    auto space = range.find(' ');
    auto slash = range.find('/');
    std::int64_t first = space == std::string_view::npos ? -1 : number(range.substr(space + 1));
    if (first != before) {
      out.outcome = fail(Code::corrupt, "{} sent other bytes than were asked for", url);
      co_return out;
    }
    out.total = slash == std::string_view::npos
                    ? 0
                    : std::max<std::int64_t>(number(range.substr(slash + 1)), 0);
  } else if (head.status == 416) {
    // Nothing is left to send: the part is whole, or of another size than the file now is. bytes
    // */200
    std::string_view range = head.headers.find("content-range").value_or("");
    auto slash = range.find('/');
    std::int64_t size = slash == std::string_view::npos ? -1 : number(range.substr(slash + 1));
    out.total = before;
    if (size != before) out.outcome = part.restart();
    if (size != before && out.outcome)
      out.outcome = fail(Code::corrupt, "{} has changed; it is fetched anew", url);
    co_return out;
  } else if (head.status == 200) {
    out.outcome = part.restart();
    if (!out.outcome) co_return out;
    out.total = std::max<std::int64_t>(length, 0);
  } else {
    out.outcome = refused(url, head.status);
    co_return out;
  }
  part.version(version_of(head.headers));
  std::int64_t wanted = out.total - part.bytes();
  if (wanted > part.free_bytes() - spare_bytes || out.total > file_bytes_limit) {
    out.outcome =
        fail(Code::too_large, "{} needs {} bytes more and the disk has {} (256 MiB are left free)",
             part.path(), wanted, part.free_bytes());
    co_return out;
  }
  for (;;) {
    auto piece = co_await (*answer)->read();
    if (!piece) {
      out.outcome = fail(piece.error());
      co_return out;
    }
    if (piece->empty()) break;
    out.outcome = part.append(*piece);
    if (!out.outcome) co_return out;
    out.progressed = true;
    if (part.bytes() > file_bytes_limit) {
      out.outcome = fail(Code::too_large, "{} has more than 1 TB", url);
      co_return out;
    }
    if (progress) progress(part.bytes(), out.total);
  }
  if (out.total > 0 && part.bytes() != out.total) {
    out.outcome =
        fail(Code::corrupt, "{} ended after {} of {} bytes", url, part.bytes(), out.total);
  }
  co_return out;
}

bool worth_another(Code code) {
  return code == Code::unavailable || code == Code::io || code == Code::corrupt ||
         code == Code::deadline || code == Code::throttled;
}

}  // namespace

Task<Result<Downloaded>> download(Loop& loop, wire::Client& client, Download what,
                                  FetchProgress progress, CancelToken cancel) {
  if (!is_url(what.url)) co_return fail(Code::validation, "{} is no http or https URL", what.url);
  what.sha256 = lower(what.sha256);
  if (!what.sha256.empty() && (what.sha256.size() != 64 || !unhex(what.sha256))) {
    co_return fail(Code::validation,
                   "the checksum {} is no SHA-256: 64 hexadecimal digits are wanted", what.sha256);
  }
  Part part(what);
  CO_CHECK(part.open());
  Downloaded out;
  out.resumed_from = part.bytes();
  int tries = 0;
  for (;;) {
    auto last = co_await attempt(client, what.url, part, progress, cancel);
    if (last.outcome) break;
    if (cancel.cancelled()) co_return fail(Code::cancelled, "stopped after {} bytes", part.bytes());
    tries = last.progressed ? 1 : tries + 1;
    if (!worth_another(last.outcome.error().code) || tries >= tries_limit)
      co_return fail(last.outcome.error());
    ++out.retries;
    // Without a validator the rest could be of another file: begin again.
    if (part.version().empty()) CO_CHECK(part.restart());
    std::chrono::seconds pause(1 << std::min(tries - 1, 3));
    if (!co_await loop.sleep(pause, cancel))
      co_return fail(Code::cancelled, "stopped after {} bytes", part.bytes());
  }
  out.bytes = part.bytes();
  out.sha256 = part.digest();
  if (!what.sha256.empty() && out.sha256 != what.sha256) {
    part.discard();
    co_return fail(Code::validation, "the file at {} has the checksum {}, not {}: it was not kept",
                   what.url, out.sha256, what.sha256);
  }
  CO_CHECK(part.become(what.target));
  co_return out;
}

bool is_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

std::string file_name_of_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  auto scheme = url.find("://");
  auto slash = url.rfind('/');
  std::string name;
  if (slash != std::string_view::npos && slash > scheme + 2)
    name = percent_decode(url.substr(slash + 1)).value_or("");
  bool fine = !name.empty() && name.front() != '.' && name.size() <= 200 &&
              name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  return fine ? name : "model.gguf";
}

}  // namespace outcrop::registry

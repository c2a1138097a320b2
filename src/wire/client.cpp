#include "wire/client.h"

#include "base/text.h"
#include "wire/client_connection.h"
#include "wire/client_parser.h"
#include "wire/client_url.h"

#include <algorithm>
#include <deque>
#include <map>

namespace outcrop::wire {
namespace {

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

/// What another host may learn of a redirected request: nothing that says who asks.
bool travels_to_other_hosts(std::string_view header) {
  return header == "accept" || header == "accept-language" || header == "accept-encoding" ||
         header == "user-agent" || header == "range" || header.starts_with("if-");
}

Result<std::string> write_head(const OutboundRequest& request, const Url& url) {
  if (!is_token(request.method))
    return fail(Code::validation, "'{}' is not an HTTP method.", request.method);
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, url.target);
  auto line = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  if (!request.headers.has("host")) line("host", url.origin.authority());
  for (const auto& [name, value] : request.headers.all()) {
    if (name == "content-length" || name == "connection" || name == "transfer-encoding") continue;
    if (!is_token(name) || !is_header_value(value)) {
      return fail(Code::validation, "The header '{}' has characters that a header cannot carry.",
                  is_token(name) ? name : "(its name)");
    }
    line(name, value);
  }
  if (!request.headers.has("accept-encoding")) line("accept-encoding", "identity");
  bool bodied = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (bodied || !request.body.empty()) line("content-length", std::to_string(request.body.size()));
  out += "\r\n";
  return out;
}

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  Impl(Loop& owner, ClientLimits with, std::string authorities)
      : loop(owner), limits(with), ca_file(std::move(authorities)), sweeper(context(owner)) {}

  struct Idle {
    ClientConnectionPtr connection;
    Instant since;
  };

  Loop& loop;
  ClientLimits limits;
  std::string ca_file;
  std::shared_ptr<boost::asio::ssl::context> tls;
  std::map<std::string, std::deque<Idle>> idle;  // by origin, the one idle for longest first
  std::size_t idle_count = 0;
  bool closed = false;
  bool sweeping = false;
  boost::asio::steady_timer sweeper;
  ClientStats stats;

  ClientConnectionPtr take_idle(const Origin& origin);
  void put_idle(ClientConnectionPtr connection);
  void drop_oldest(std::map<std::string, std::deque<Idle>>::iterator at);
  void sweep();
  void arm_sweeper();
  void close_all();

  using Ptr = std::shared_ptr<Impl>;
  using Response = Result<std::unique_ptr<InboundResponse>>;
  static Task<Response> send_once(Ptr impl, Url url, std::shared_ptr<const Outgoing> outgoing,
                                  std::string method, Deadline deadline, Millis silence,
                                  CancelToken cancel);
  static Task<Response> follow(Ptr impl, OutboundRequest request, CancelToken cancel);
};

namespace {

/// The body of an answer, on its connection.
class PooledResponse : public InboundResponse {
 public:
  using GiveBack = std::function<void(ClientConnectionPtr)>;
  PooledResponse(ClientConnectionPtr connection, ResponseParser parser, std::string first,
                 GiveBack give_back)
      : connection_(std::move(connection)),
        parser_(std::move(parser)),
        pending_(std::move(first)),
        give_back_(std::move(give_back)) {
    if (parser_.done()) finish();
  }
  ~PooledResponse() override {
    if (!connection_) return;
    connection_->end_exchange();
    connection_->close();
  }
  const ResponseHead& head() const override { return const_cast<ResponseParser&>(parser_).head(); }

  Task<Result<std::string>> read() override {
    if (!pending_.empty()) co_return std::exchange(pending_, {});
    if (failed_) co_return fail(*failed_);
    std::string piece;
    while (connection_ && piece.empty()) {
      auto bytes = co_await connection_->read();
      if (!bytes) co_return give_up(std::move(bytes.error()));
      if (bytes->empty()) {
        if (auto ended = parser_.end_of_input(); !ended)
          co_return give_up(std::move(ended.error()));
        finish();
        break;
      }
      auto used = parser_.feed(*bytes, piece);
      if (!used) co_return give_up(std::move(used.error()));
      connection_->unread(bytes->size() - *used);
      if (parser_.done()) finish();
    }
    co_return piece;
  }

 private:
  Failure give_up(Error error) {
    failed_ = error;
    auto connection = std::exchange(connection_, nullptr);
    connection->end_exchange();
    connection->close();
    return fail(std::move(error));
  }
  void finish() {
    auto connection = std::exchange(connection_, nullptr);
    bool again = parser_.keeps_connection() && connection->sent_all() && !connection->stopped();
    connection->end_exchange();
    if (again && connection->open()) {
      give_back_(std::move(connection));
    } else {
      connection->close();
    }
  }

  ClientConnectionPtr connection_;  // null once the body has ended
  ResponseParser parser_;
  std::string pending_;
  std::optional<Error> failed_;
  GiveBack give_back_;
};

struct Failed {
  Error error;
  bool may_retry = false;  // nothing came back, and repeating does no harm
};

/// One request on one connection, up to the head of its answer.
Task<tl::expected<std::unique_ptr<InboundResponse>, Failed>> exchange(
    ClientConnectionPtr connection, std::shared_ptr<const Outgoing> outgoing, std::string method,
    Deadline deadline, Millis silence, std::size_t header_bytes, PooledResponse::GiveBack give_back,
    CancelToken cancel) {
  ResponseParser parser(method, header_bytes);
  connection->begin_exchange(std::move(outgoing), deadline, silence, cancel);
  std::string body;
  while (!parser.head_done()) {
    auto bytes = co_await connection->read();
    std::optional<Error> error;
    bool broke = false;
    if (!bytes) {
      error = bytes.error();
      broke = error->code == Code::io || error->code == Code::corrupt;
      if (broke) error->code = parser.started() ? Code::corrupt : Code::unavailable;
    } else if (bytes->empty()) {
      broke = true;
      error = parser.started()
                  ? parser.end_of_input().error()
                  : Error{.code = Code::unavailable,
                          .message = fmt::format("{} closed the connection without an answer.",
                                                 connection->origin().text())};
    } else if (auto used = parser.feed(*bytes, body); !used) {
      error = used.error();
    } else {
      connection->unread(bytes->size() - *used);
    }
    if (!error) continue;
    bool may_retry =
        broke && !parser.started() && (is_idempotent(method) || connection->sent_nothing());
    connection->end_exchange();
    connection->close();
    co_return tl::unexpected(Failed{std::move(*error), may_retry});
  }
  co_return std::make_unique<PooledResponse>(std::move(connection), std::move(parser),
                                             std::move(body), std::move(give_back));
}

}  // namespace

ClientConnectionPtr Client::Impl::take_idle(const Origin& origin) {
  auto at = idle.find(origin.text());
  if (at == idle.end()) return nullptr;
  ClientConnectionPtr found;
  while (!found && !at->second.empty()) {
    auto newest = std::move(at->second.back());  // the least likely to be closed by the peer
    at->second.pop_back();
    --idle_count;
    if (now() - newest.since < limits.idle_timeout && newest.connection->fresh())
      found = std::move(newest.connection);
  }
  if (at->second.empty()) idle.erase(at);
  return found;
}

void Client::Impl::put_idle(ClientConnectionPtr connection) {
  if (closed || connection->has_unread() || limits.idle_connections_per_host == 0 ||
      limits.idle_connections == 0) {
    return connection->close();
  }
  std::string key = connection->origin().text();
  auto at = idle.try_emplace(key).first;
  if (at->second.size() >= limits.idle_connections_per_host) {
    drop_oldest(at);
  } else if (idle_count >= limits.idle_connections) {
    auto oldest = std::min_element(idle.begin(), idle.end(), [](const auto& a, const auto& b) {
      if (a.second.empty() || b.second.empty()) return !a.second.empty();
      return a.second.front().since < b.second.front().since;
    });
    drop_oldest(oldest);
  }
  idle[key].push_back({std::move(connection), now()});
  ++idle_count;
  arm_sweeper();
}

void Client::Impl::drop_oldest(std::map<std::string, std::deque<Idle>>::iterator at) {
  if (at == idle.end() || at->second.empty()) return;
  at->second.front().connection->close();
  at->second.pop_front();
  --idle_count;
  if (at->second.empty()) idle.erase(at);
}

void Client::Impl::arm_sweeper() {
  if (sweeping || idle_count == 0) return;
  sweeping = true;
  Instant first = Instant::max();
  for (const auto& [key, list] : idle) first = std::min(first, list.front().since);
  sweeper.expires_at(first + limits.idle_timeout);
  sweeper.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (error || !self) return;
    self->sweeping = false;
    self->sweep();
  });
}

void Client::Impl::sweep() {
  Instant at = now();
  for (auto host = idle.begin(); host != idle.end();) {
    auto& list = host->second;
    while (!list.empty() && at - list.front().since >= limits.idle_timeout) {
      list.front().connection->close();
      list.pop_front();
      --idle_count;
    }
    host = list.empty() ? idle.erase(host) : std::next(host);
  }
  arm_sweeper();
}

void Client::Impl::close_all() {
  closed = true;
  for (auto& [key, list] : idle) {
    for (auto& entry : list) entry.connection->close();
  }
  idle.clear();
  idle_count = 0;
  sweeper.cancel();
}

Client::Client(Loop& loop, ClientLimits limits, std::string ca_file)
    : impl_(std::make_shared<Impl>(loop, limits, std::move(ca_file))) {}

Client::~Client() { impl_->close_all(); }

ClientStats Client::stats() const {
  ClientStats stats = impl_->stats;
  stats.idle_now = impl_->idle_count;
  return stats;
}

/// One request to one place: over a pooled connection where there is one, over a new one otherwise.
Task<Client::Impl::Response> Client::Impl::send_once(Ptr impl, Url url,
                                                     std::shared_ptr<const Outgoing> outgoing,
                                                     std::string method, Deadline deadline,
                                                     Millis silence, CancelToken cancel) {
  auto give_back = [impl](ClientConnectionPtr connection) {
    impl->put_idle(std::move(connection));
  };
  if (auto pooled = impl->take_idle(url.origin)) {
    ++impl->stats.reused;
    auto answer = co_await exchange(std::move(pooled), outgoing, method, deadline, silence,
                                    impl->limits.header_bytes, give_back, cancel);
    if (answer) co_return std::move(*answer);
    if (!answer.error().may_retry) co_return fail(std::move(answer.error().error));
    ++impl->stats.retried;
  }
  if (url.origin.scheme == Origin::Scheme::https && !impl->tls) {
    CO_TRY(made, co_await impl->loop.offload(
                     [file = impl->ca_file] { return make_client_context(file); }));
    impl->tls = std::move(made);
  }
  CO_TRY(connection, co_await connect_to(impl->loop, url.origin, impl->tls,
                                         impl->limits.connect_timeout, deadline, cancel));
  ++impl->stats.connected;
  auto answer = co_await exchange(std::move(connection), std::move(outgoing), method, deadline,
                                  silence, impl->limits.header_bytes, give_back, cancel);
  if (answer) co_return std::move(*answer);
  co_return fail(std::move(answer.error().error));
}

Task<Client::Impl::Response> Client::Impl::follow(Ptr impl, OutboundRequest request,
                                                  CancelToken cancel) {
  CO_TRY(url, parse_url(request.url));
  for (std::size_t hops = 0;; ++hops) {
    if (cancel.cancelled()) co_return fail(Code::cancelled, "The call was cancelled.");
    if (request.deadline.passed())
      co_return fail(Code::deadline, "The deadline had passed before the call began.");
    CO_TRY(head, write_head(request, url));
    bool may_redirect = request.method == "GET" && impl->limits.redirects > 0;
    auto outgoing = std::make_shared<Outgoing>();
    outgoing->head = std::move(head);
    if (may_redirect) {
      outgoing->body = request.body;
    } else {
      outgoing->body = std::move(request.body);
    }
    CO_TRY(response, co_await send_once(impl, url, std::move(outgoing), request.method,
                                        request.deadline, request.silence, cancel));
    int status = response->head().status;
    bool redirects =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    auto location = response->head().headers.find("location");
    if (!may_redirect || !redirects || !location) co_return std::move(response);
    if (hops >= impl->limits.redirects) {
      co_return fail(Code::bad_gateway, "{} redirects more than the {} times that are followed.",
                     url.origin.text(), impl->limits.redirects);
    }
    auto next = resolve_url(url, *location);
    if (!next)
      co_return fail(Code::bad_gateway, "{} redirects to no URL: {}", url.origin.text(),
                     next.error().message);
    bool downgrade =
        url.origin.scheme == Origin::Scheme::https && next->origin.scheme != Origin::Scheme::https;
    bool into_socket =
        next->origin.scheme == Origin::Scheme::unix_socket && next->origin != url.origin;
    if (downgrade || into_socket) {
      co_return fail(Code::bad_gateway, "{} redirects to {}, which is not followed from there.",
                     url.origin.text(), next->origin.text());
    }
    if (next->origin != url.origin) {
      Headers kept;
      for (const auto& [name, value] : request.headers.all()) {
        if (travels_to_other_hosts(name)) kept.add(name, value);
      }
      request.headers = std::move(kept);
      request.body.clear();
    }
    url = std::move(*next);
  }
}

Task<Result<std::unique_ptr<InboundResponse>>> Client::send(OutboundRequest request,
                                                            CancelToken cancel) {
  return Impl::follow(impl_, std::move(request), std::move(cancel));
}

Task<Result<std::string>> InboundResponse::read_all(std::size_t limit_bytes) {
  std::string all;
  for (;;) {
    CO_TRY(piece, co_await read());
    if (piece.empty()) co_return all;
    if (piece.size() > limit_bytes - all.size()) {
      co_return fail(Code::too_large, "The upstream's answer has more than {} bytes.", limit_bytes);
    }
    if (all.empty()) {
      all = std::move(piece);
    } else {
      all += piece;
    }
  }
}

}  // namespace outcrop::wire

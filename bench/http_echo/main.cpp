// What a request costs in wire/ alone: reads the body, answers with 280 bytes of JSON.
//   bench_http_echo 8080
//   wrk -t1 -c16 -d10 http://127.0.0.1:8080/          HTTP/1.1
//   h2load -t1 -c16 -m32 -D10 http://127.0.0.1:8080/  HTTP/2
// GET /stream answers with 100 events of 64 bytes, each flushed.

#include "wire/loop.h"
#include "wire/server.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace outcrop;

const std::string& reply() {
  static const std::string text = "{\"message\":\"" + std::string(266, 'x') + "\"}";
  return text;
}

Task<void> answer(wire::Exchange& exchange) {
  auto body = co_await exchange.read_all(40'000'000);
  if (!body) co_return;
  wire::ResponseHead head;
  head.headers.add("content-type", "application/json");
  if (exchange.request().target == "/stream") {
    (void)co_await exchange.start(std::move(head));
    for (int i = 0; i < 100; ++i) {
      if (!co_await exchange.write(std::string(64, 'e'))) co_return;
    }
    (void)co_await exchange.finish();
    co_return;
  }
  head.headers.add("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
  (void)co_await exchange.respond(std::move(head), reply());
}

}  // namespace

int main(int argc, char** argv) {
  auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  Loop loop(1);
  wire::Server server(loop, {}, answer);
  auto bound = server.listen("127.0.0.1", port);
  if (!bound) {
    std::fprintf(stderr, "%s\n", bound.error().message.c_str());
    return 1;
  }
  std::printf("listening on 127.0.0.1:%u\n", *bound);
  std::fflush(stdout);
  loop.run();
}

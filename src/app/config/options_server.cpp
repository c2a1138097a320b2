#include "app/config/option_builders.h"

namespace outcrop::config {

void add_server(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(string_option<C>(
      {.key = "server.listen",
       .kind = Kind::address,
       .summary = "The address of the API. Port 0 picks a free one, which `ready` prints.",
       .example = "\"0.0.0.0:8177\""},
      FIELD(server.listen)));
  out.push_back(string_option<C>(
      {.key = "server.socket",
       .kind = Kind::path,
       .summary = "The Unix socket that the command line talks to (mode 0600). Its path may "
                  "have 107 bytes.",
       .example = "\"/run/outcrop/outcrop.sock\"",
       .default_words = "`outcrop.sock` in the data folder"},
      FIELD(server.socket)));
  out.push_back(
      choice_option<C>({.key = "server.tls",
                        .summary = "`auto`: an authority of this installation's own (`tls/ca.pem` "
                                   "in the data folder) signs a "
                                   "certificate; `outcrop env` exports the variables that make "
                                   "SDKs trust it. `files`: the two files "
                                   "below. Plain text on the same port is then no longer answered.",
                        .allowed = {"off", "auto", "files"}},
                       FIELD(server.tls)));
  out.push_back(
      string_option<C>({.key = "server.tls_certificate",
                        .kind = Kind::path,
                        .summary = "PEM file: the certificate, then what leads to its authority.",
                        .default_words = "none"},
                       FIELD(server.tls_certificate)));
  out.push_back(string_option<C>({.key = "server.tls_private_key",
                                  .kind = Kind::path,
                                  .summary = "PEM file.",
                                  .default_words = "none"},
                                 FIELD(server.tls_private_key)));
  out.push_back(list_option<C>(
      {.key = "server.tls_names",
       .summary = "Names and addresses in the certificate of `auto`, besides localhost, the "
                  "loopback addresses and the host of `server.listen`.",
       .example = "[\"outcrop.internal\"]"},
      FIELD(server.tls_names)));
  out.push_back(duration_option<C>(
      {.key = "server.drain_timeout",
       .summary = "How long open requests may go on once the server is asked to stop.",
       .maximum = 3'600'000},
      FIELD(server.drain_timeout)));
  out.push_back(number_option<C>({.key = "server.connections",
                                  .kind = Kind::whole,
                                  .summary = "Open at once; the next is closed at once.",
                                  .unit = "connections",
                                  .minimum = 1,
                                  .maximum = 1'000'000,
                                  .example = "10000"},
                                 FIELD(server.limits.connections)));
  out.push_back(number_option<C>({.key = "server.header_bytes",
                                  .kind = Kind::size,
                                  .summary = "Request line and headers of one request; 431 beyond.",
                                  .minimum = 4'096,
                                  .maximum = 16 << 20},
                                 FIELD(server.limits.header_bytes)));
  out.push_back(number_option<C>({.key = "server.header_count",
                                  .kind = Kind::whole,
                                  .summary = "Headers of one request; 431 beyond.",
                                  .unit = "headers",
                                  .minimum = 16,
                                  .maximum = 10'000,
                                  .example = "128"},
                                 FIELD(server.limits.header_count)));
  out.push_back(number_option<C>(
      {.key = "server.body_bytes",
       .kind = Kind::size,
       .summary = "The body of one request; 413 beyond. Bedrock takes 25 MB of content, "
                  "which is a third more as base64.",
       .minimum = 1'024,
       .maximum = 1LL << 32},
      FIELD(server.limits.body_bytes)));
  out.push_back(number_option<C>(
      {.key = "server.body_window_bytes",
       .kind = Kind::size,
       .summary = "Of a request's body, held before its handler reads; more makes large uploads "
                  "faster and costs memory for each of them.",
       .minimum = 16'384,
       .maximum = 1 << 30},
      FIELD(server.limits.body_window_bytes)));
  out.push_back(number_option<C>(
      {.key = "server.write_window_bytes",
       .kind = Kind::size,
       .summary = "Of a response, held for a slow reader before the model behind it is slowed.",
       .minimum = 16'384,
       .maximum = 1 << 30},
      FIELD(server.limits.write_window_bytes)));
  out.push_back(number_option<C>({.key = "server.streams_per_connection",
                                  .kind = Kind::whole,
                                  .summary = "Requests at once on one HTTP/2 connection.",
                                  .unit = "streams",
                                  .minimum = 1,
                                  .maximum = 10'000,
                                  .example = "256"},
                                 FIELD(server.limits.streams_per_connection)));
  out.push_back(number_option<C>(
      {.key = "server.resets_per_connection",
       .kind = Kind::whole,
       .summary = "HTTP/2 streams that a client may reset before its connection is closed.",
       .unit = "resets",
       .minimum = 1,
       .maximum = 1'000'000,
       .example = "1000"},
      FIELD(server.limits.resets_per_connection)));
  constexpr std::int64_t day = 86'400'000;
  out.push_back(
      duration_option<C>({.key = "server.header_timeout",
                          .summary = "From the first byte of a request to the end of its headers.",
                          .minimum = 100,
                          .maximum = day},
                         FIELD(server.limits.header_timeout)));
  out.push_back(duration_option<C>(
      {.key = "server.idle_timeout",
       .summary = "A kept-alive connection without a request is closed after this time.",
       .minimum = 100,
       .maximum = day},
      FIELD(server.limits.idle_timeout)));
  out.push_back(duration_option<C>({.key = "server.body_timeout",
                                    .summary = "Between two pieces of a request's body.",
                                    .minimum = 100,
                                    .maximum = day},
                                   FIELD(server.limits.body_timeout)));
  out.push_back(
      duration_option<C>({.key = "server.write_timeout",
                          .summary = "A reader that takes nothing for so long is cut off.",
                          .minimum = 100,
                          .maximum = day},
                         FIELD(server.limits.write_timeout)));
}

}  // namespace outcrop::config

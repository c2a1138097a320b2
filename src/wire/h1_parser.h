#pragma once
/// Beast's incremental parser, filling our own request instead of Beast's containers, and the
/// checks that it leaves to its user. Without I/O. Only .cpp files of wire/ include this header.

#include "wire/http.h"
#include "wire/server.h"

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::wire {

/// What is wrong with a request, as the answer to give.
struct Refusal {
  int status;
  std::string message;
};

class H1Parser : public boost::beast::http::basic_parser<true> {
 public:
  /// Writes into `head` and appends body bytes to `body`; both must outlive the parser.
  H1Parser(const ServerLimits& limits, RequestHead& head, std::string& body);

  /// Takes from the front of `bytes`; what it leaves needs more behind it. Stops after the head, so
  /// that it can be looked at, and at the end of the message.
  std::size_t feed(std::string_view bytes);
  /// Set once something was wrong: nothing more is taken.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  bool started() const { return got_some(); }
  bool has_expectation() const { return expect_continue_; }

 private:
  using Error = boost::beast::error_code;
  using View = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb method, View method_text, View target, int version,
                       Error& error) override;
  void on_response_impl(int, View, int, Error&) override {}
  void on_field_impl(boost::beast::http::field field, View name, View value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(View bytes, Error& error) override;
  void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Error& error) override {
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(Error&) override {}

  void refuse(int status, std::string message, Error& error);
  void refuse(const Error& error);
  void check_head(Error& error);

  const ServerLimits& limits_;
  RequestHead& head_;
  std::string& body_;
  std::size_t header_bytes_ = 0, blank_bytes_ = 0;
  bool head_done_ = false, body_begun_ = false, has_host_ = false, expect_continue_ = false,
       transfer_encoding_ = false;
  std::optional<Refusal> refusal_;
};

}  // namespace outcrop::wire

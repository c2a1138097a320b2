#pragma once
/// Writes the events of a streaming operation as frames of the AWS event stream.

#include "api/front/operation.h"
#include "contract/contract.h"
#include "wire/server.h"

#include <string>
#include <string_view>

namespace outcrop::api {

class FrameWriter : public EventWriter {
 public:
  FrameWriter(const contract::Contracts& contracts, const contract::Operation& operation,
              wire::Exchange& exchange, std::string request_id)
      : contracts_(contracts),
        operation_(operation),
        exchange_(exchange),
        request_id_(std::move(request_id)) {}

  void describe(json::Object document, wire::Headers headers) override {
    document_ = std::move(document);
    headers_ = std::move(headers);
  }
  Task<Result<void>> event(std::string_view member, json::Value payload) override {
    std::string frame = contracts_.encode_event(operation_, member, payload);
    return send(std::move(frame));
  }
  bool started() const override { return exchange_.started(); }

  /// The head alone: for a stream that ends without an event.
  Task<Result<void>> begin() {
    auto head = contracts_.encode_head(operation_, document_);
    for (const auto& [name, value] : headers_.all()) head.headers.set(name, value);
    head.headers.set("x-amzn-requestid", request_id_);
    co_return co_await exchange_.start(std::move(head));
  }

 private:
  Task<Result<void>> send(std::string frame) {
    if (!exchange_.started()) CO_CHECK(co_await begin());
    co_return co_await exchange_.write(std::move(frame));
  }

  const contract::Contracts& contracts_;
  const contract::Operation& operation_;
  wire::Exchange& exchange_;
  std::string request_id_;
  json::Object document_;
  wire::Headers headers_;
};

}  // namespace outcrop::api

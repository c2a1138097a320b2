#pragma once
/// The wire interface as data: every operation of the four Bedrock services and sagemaker-runtime,
/// loaded from contracts/ (embedded in the program), routed, decoded, validated, encoded by one
/// piece of code each. A handler sees checked input. Threads: a loaded Contracts is immutable,
/// except patterns that are compiled on first use (locked).

#include "base/result.h"
#include "json/json.h"
#include "wire/http.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::contract {

struct Shape;

struct Operation {
  std::string service;  // "bedrock-runtime"
  std::string name;     // "Converse"
  std::string method;
  std::string uri;  // as modelled: "/model/{modelId}/converse"
  int status = 200;
  const Shape* input = nullptr;
  const Shape* output = nullptr;
  std::string output_stream;        // the member that is an event stream; empty for a plain answer
  bool input_stream = false;        // the request is an event stream
  std::vector<std::string> errors;  // exception names it may raise
  std::string signing;  // the service name in a signature's scope: "bedrock", "sagemaker"
  bool readonly = false;
  bool idempotent = false;
  std::vector<std::string> labels;  // input members in the path, from left to right
};

struct Route {
  const Operation* operation = nullptr;
  std::vector<std::pair<std::string, std::string>> labels;  // path labels by member name, decoded
};

/// What a request said: all members by name, wherever they were bound (path, query, header, body).
/// A blob stays base64 text in the document (checked); a blob that is the whole body is in `blob`.
struct Input {
  const Operation* operation = nullptr;
  json::Object document;
  std::string blob;
  /// By a member's name; for modelled headers that are not members, ask the request.
  const json::Value* find(std::string_view member) const { return json::find(document, member); }
};

class Contracts {
 public:
  ~Contracts();
  /// The ones in the program, parsed at first use.
  static const Contracts& bundled();
  /// Of texts in the format of contracts/ (tests). Errors: internal.
  static Result<std::unique_ptr<Contracts>> load(const std::vector<std::string_view>& texts);

  const std::vector<std::unique_ptr<Operation>>& operations() const;
  const Operation* find(std::string_view service, std::string_view name) const;

  /// By method and path (still encoded, as on the wire). `signing_name` (of the signature's scope;
  /// may be empty) and `body_empty` settle the collisions. Errors: unknown_operation.
  Result<Route> route(std::string_view method, std::string_view target,
                      std::string_view signing_name, bool body_empty) const;

  /// Errors: validation in AWS's words, all violations of a request in one message
  /// ("2 validation errors detected: ..."); serialization for a body that is no JSON or of other
  /// types.
  Result<Input> decode(const Route& route, const wire::RequestHead& head, std::string body) const;
  /// The same check on a document alone: JSONL records, tests.
  Result<void> validate(const Operation& operation, const json::Object& input) const;

  /// An answer from its document: members bound to headers move there. An answer whose whole body
  /// is a blob has it under the payload's name as base64; a handler that holds the bytes leaves the
  /// member out and sends them itself. Nulls are left out.
  wire::ResponseHead encode_head(const Operation& operation, const json::Object& output) const;
  std::string encode_body(const Operation& operation, json::Object output) const;
  /// What the model says of an answer: tests call it on every one. Errors: internal, with the
  /// member.
  Result<void> check_output(const Operation& operation, const json::Object& output) const;
  /// The same for one event of the operation's stream.
  Result<void> check_event(const Operation& operation, std::string_view member,
                           const json::Value& payload) const;

  /// One event of the operation's stream as a frame; `member` is its name in the stream's union.
  std::string encode_event(const Operation& operation, std::string_view member,
                           const json::Value& payload) const;
  /// An error inside a stream: the modelled exception of that union, or internalServerException,
  /// with the true name before its message, where the union has none for it (log what
  /// models_stream_error denies).
  bool models_stream_error(const Operation& operation, const Error& error) const;
  std::string encode_stream_error(const Operation& operation, const Error& error) const;
  /// An error before the first byte: status and extra members as the service models it. `operation`
  /// may be null when none was found.
  std::pair<wire::ResponseHead, std::string> encode_error(const Operation* operation,
                                                          const Error& error) const;

 private:
  Contracts();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What an operation answers that nobody implements here: 501, with its name.
Error not_implemented(const Operation& operation);

}  // namespace outcrop::contract

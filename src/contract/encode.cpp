#include "base/text.h"
#include "contract/check.h"
#include "contract/impl.h"
#include "contract/shape.h"
#include "wire/event_stream.h"

namespace outcrop::contract {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view stream_type = "application/vnd.amazon.eventstream";
constexpr std::string_view bytes_type = "application/octet-stream";

boost::json::string_view key_of(std::string_view text) { return {text.data(), text.size()}; }
json::Value text_value(std::string_view text) {
  return json::Value(json::String(text.data(), text.size()));
}

/// SageMaker's runtime names a few errors in its own way.
std::string_view exception_name(const Error& error, std::string_view service) {
  auto name = facts(error.code).exception;
  if (service != "sagemaker-runtime") return name;
  if (name == "ValidationException") return "ValidationError";
  if (name == "InternalServerException") return "InternalFailure";
  if (name == "ServiceUnavailableException") return "ServiceUnavailable";
  if (name == "ModelErrorException") return "ModelError";
  return name;
}

/// The body of an error, with the extra members that its shape has. Without a shape: the message
/// alone.
std::string error_body(const Error& error, const Shape* shape, std::string_view service) {
  json::Object body;
  body.emplace(service == "sagemaker-runtime" ? "Message" : "message", text_value(error.message));
  if (!shape) return json::write(json::Value(std::move(body)));
  for (const auto& member : shape->members) {
    auto name = lower(member.name);
    if (name == "originalstatuscode" && error.original_status) {
      body.emplace(key_of(member.name), *error.original_status);
    } else if (name == "originalmessage" && !error.original_message.empty()) {
      body.emplace(key_of(member.name), text_value(error.original_message));
    } else if (name == "resourcename" && !error.resource_name.empty()) {
      body.emplace(key_of(member.name), text_value(error.resource_name));
    } else if (name == "fieldlist" && !error.fields.empty()) {
      json::Array fields;
      for (const auto& field : error.fields) {
        json::Object entry;
        entry.emplace("name", text_value(field.name));
        entry.emplace("message", text_value(field.message));
        fields.emplace_back(std::move(entry));
      }
      body.emplace(key_of(member.name), std::move(fields));
    } else if (name == "errorcode") {
      bool late = error.code == Code::model_timeout || error.code == Code::deadline;
      body.emplace(key_of(member.name), late ? "ModelInvocationTimeExceeded" : "StreamBroken");
    }
  }
  return json::write(json::Value(std::move(body)));
}

/// The member of a stream's union that carries the exception of that name.
const Member* exception_member(const Shape& stream, std::string_view exception) {
  for (const auto& member : stream.members) {
    if (member.shape->exception_status && member.shape->name == exception) return &member;
  }
  return nullptr;
}

const Shape* stream_of(const Operation& operation) {
  return operation.output_stream.empty() ? nullptr : operation.output->payload->shape;
}

/// A stream of SageMaker tells of the model's failures with one exception and of ours with another.
const Member* modelled_in_stream(const Operation& operation, const Error& error) {
  const auto* stream = stream_of(operation);
  if (!stream) return nullptr;
  if (const auto* member = exception_member(*stream, exception_name(error, operation.service)))
    return member;
  bool of_model = error.code == Code::model_error || error.code == Code::model_stream_error ||
                  error.code == Code::model_timeout || error.code == Code::deadline;
  return of_model ? exception_member(*stream, "ModelStreamError") : nullptr;
}

const Member* internal_in_stream(const Shape& stream) {
  if (const auto* member = exception_member(stream, "InternalServerException")) return member;
  return exception_member(stream, "InternalStreamFailure");
}

std::string header_text(const json::Value& value) {
  if (const auto* text = value.if_string()) return std::string(json::view(*text));
  return json::write(value);
}

}  // namespace

wire::ResponseHead Contracts::encode_head(const Operation& operation,
                                          const json::Object& output) const {
  wire::ResponseHead head{operation.status, {}};
  const auto* payload = operation.output->payload;
  bool blob = payload && payload->shape->kind == Kind::blob;
  for (const auto& member : operation.output->members) {
    if (member.place != Place::header) continue;
    const auto* value = json::find(output, member.name);
    if (value && !value->is_null()) head.headers.set(member.wire_name, header_text(*value));
  }
  if (!operation.output_stream.empty()) {
    head.headers.set("content-type", stream_type);
  } else if (!head.headers.has("content-type") && operation.status != 204) {
    head.headers.set("content-type", blob ? bytes_type : json_type);
  }
  return head;
}

std::string Contracts::encode_body(const Operation& operation, json::Object output) const {
  if (operation.status == 204 || !operation.output_stream.empty()) return {};
  const auto& shape = *operation.output;
  if (const auto* payload = shape.payload) {
    auto* value = output.if_contains(key_of(payload->name));
    if (payload->shape->kind == Kind::blob) {
      const auto* text = value ? value->if_string() : nullptr;
      return text ? unbase64(json::view(*text)).value_or(std::string()) : std::string();
    }
    if (!value) return "{}";
    drop_nulls(*payload->shape, *value);
    return json::write(*value);
  }
  for (const auto& member : shape.members) {
    if (member.place == Place::header) output.erase(key_of(member.name));
  }
  drop_nulls(shape, output);
  return json::write(json::Value(std::move(output)));
}

std::string Contracts::encode_event(const Operation& operation, std::string_view member,
                                    const json::Value& payload) const {
  const auto* stream = stream_of(operation);
  const auto* event = stream ? stream->find(member) : nullptr;
  if (event) {
    for (const auto& part : event->shape->members) {
      if (!part.event_payload) continue;
      const auto* value = json::find(payload, part.name);
      const auto* text = value ? value->if_string() : nullptr;
      return wire::encode_event(
          member, text ? unbase64(json::view(*text)).value_or(std::string()) : std::string(),
          bytes_type);
    }
  }
  return wire::encode_event(member, json::write(payload), json_type);
}

bool Contracts::models_stream_error(const Operation& operation, const Error& error) const {
  return modelled_in_stream(operation, error) != nullptr;
}

std::string Contracts::encode_stream_error(const Operation& operation, const Error& error) const {
  if (const auto* member = modelled_in_stream(operation, error))
    return wire::encode_exception(member->name,
                                  error_body(error, member->shape, operation.service));
  auto name = exception_name(error, operation.service);
  // Clients skip or drop what their union does not name, so the reason goes into the message of one
  // that is.
  const auto* stream = stream_of(operation);
  const auto* internal = stream ? internal_in_stream(*stream) : nullptr;
  if (!internal) return wire::encode_error(name, error.message);
  Error told = error;
  told.message = fmt::format("{}: {}", name, error.message);
  return wire::encode_exception(internal->name,
                                error_body(told, internal->shape, operation.service));
}

std::pair<wire::ResponseHead, std::string> Contracts::encode_error(const Operation* operation,
                                                                   const Error& error) const {
  std::string_view service =
      operation ? std::string_view(operation->service) : std::string_view("bedrock");
  auto name = exception_name(error, service);
  const Shape* shape = nullptr;
  if (const auto* found = operation ? impl_->model.service(service) : nullptr) {
    if (auto at = found->exceptions.find(name); at != found->exceptions.end()) shape = at->second;
  }
  wire::ResponseHead head{shape ? shape->exception_status : facts(error.code).status, {}};
  head.headers.set("content-type", json_type);
  head.headers.set("x-amzn-errortype", name);
  return {std::move(head), error_body(error, shape, service)};
}

}  // namespace outcrop::contract

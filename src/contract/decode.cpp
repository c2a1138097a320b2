#include "base/text.h"
#include "contract/check.h"
#include "contract/impl.h"
#include "contract/shape.h"

#include <charconv>

namespace outcrop::contract {
namespace {

json::String text_of(std::string_view text) { return json::String(text.data(), text.size()); }
boost::json::string_view key_of(std::string_view text) { return {text.data(), text.size()}; }

/// A member that travels as text (path, query, header) in its own type. Nothing when the text is
/// not of it.
std::optional<json::Value> from_text(const Shape& shape, std::string_view text) {
  switch (shape.kind) {
    case Kind::integer:
    case Kind::long_: {
      std::int64_t number = 0;
      auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (status != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
      return json::Value(number);
    }
    case Kind::float_:
    case Kind::double_: {
      double number = 0;
      auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (status != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
      return json::Value(number);
    }
    case Kind::boolean:
      if (text != "true" && text != "false") return std::nullopt;
      return json::Value(text == "true");
    default:
      return json::Value(text_of(text));
  }
}

Error not_text(std::string_view place, std::string_view name) {
  return Error{.code = Code::validation,
               .message = fmt::format("The {} '{}' must be UTF-8 text", place, name)};
}

/// One decoding, so that its steps need not hand each other everything.
class Decoding {
 public:
  Decoding(const Route& route, const wire::RequestHead& head)
      : route_(route), head_(head), shape_(*route.operation->input) {}

  Result<Input> run(std::string body) {
    input_.operation = route_.operation;
    CHECK(read_body(std::move(body)));
    CHECK(read_labels());
    CHECK(read_query());
    CHECK(read_headers());
    if (checker_.failed()) return fail(checker_.error());
    checker_.members(shape_, input_.document);
    if (checker_.failed()) return fail(checker_.error());
    return std::move(input_);
  }

 private:
  Result<void> read_body(std::string body) {
    const auto* payload = shape_.payload;
    if (payload && (payload->shape->kind == Kind::blob || payload->shape->event_stream)) {
      if (payload->shape->kind == Kind::blob) {
        if (payload->required || !body.empty()) checker_.blob(*payload, body.size());
      }
      input_.blob = std::move(body);
      return {};
    }
    if (payload) {
      if (body.empty()) return {};
      TRY(value, json::read(body));
      drop_nulls(*payload->shape, value);
      input_.document.emplace(key_of(payload->name), std::move(value));
      return {};
    }
    bool any = false;
    for (const auto& member : shape_.members) any = any || member.place == Place::body;
    // A body that nobody asked for is not read: some clients send "{}" or nothing.
    if (!any || body.find_first_not_of(" \t\r\n") == std::string::npos) return {};
    TRY(value, json::read(body));
    if (!value.is_object()) {
      checker_.wrong_type(
          value.is_array() ? "Start of list found where not expected" : "Expected null", shape_);
      return {};
    }
    input_.document = std::move(value.get_object());
    drop_nulls(shape_, input_.document);
    // What travels in the path, the query or a header is not taken from the body.
    for (const auto& member : shape_.members) {
      if (member.place != Place::body) input_.document.erase(key_of(member.name));
    }
    return {};
  }

  Result<void> read_labels() {
    for (const auto& [name, text] : route_.labels) {
      if (const auto* member = shape_.find(name)) put(*member, text);
    }
    return {};
  }

  Result<void> read_query() {
    bool any = false;
    for (const auto& member : shape_.members) {
      if (member.place != Place::query) continue;
      any = true;
      // A query cannot say "an empty list": clients send nothing for it.
      if (member.required && member.shape->kind == Kind::list)
        input_.document.emplace(key_of(member.name), json::Array());
    }
    if (!any || head_.query().empty()) return {};
    auto pairs = wire::parse_query(head_.query());
    if (!pairs)
      return fail(Code::validation, "The query holds a '%' that is not followed by two hex digits");
    for (const auto& [name, text] : *pairs) {
      for (const auto& member : shape_.members) {
        if (member.place != Place::query || member.wire_name != name) continue;
        if (!is_utf8(text)) return fail(not_text("query parameter", name));
        if (member.shape->kind != Kind::list) {
          put(member, text);
          continue;
        }
        auto& list = input_.document[key_of(member.name)];
        if (!list.is_array()) list = json::Array();
        list.get_array().emplace_back(text_of(text));
      }
    }
    return {};
  }

  Result<void> read_headers() {
    for (const auto& member : shape_.members) {
      if (member.place != Place::header) continue;
      auto text = head_.headers.find(lower(member.wire_name));
      if (!text) continue;
      if (!is_utf8(*text)) return fail(not_text("header", member.wire_name));
      put(member, *text);
    }
    return {};
  }

  void put(const Member& member, std::string_view text) {
    auto value = from_text(*member.shape, text);
    if (value) {
      input_.document.insert_or_assign(key_of(member.name), std::move(*value));
      return;
    }
    checker_.enter(member.name);
    checker_.wrong_type("STRING_VALUE", *member.shape);
    checker_.leave();
  }

  const Route& route_;
  const wire::RequestHead& head_;
  const Shape& shape_;
  Input input_;
  Checker checker_;
};

}  // namespace

Result<Input> Contracts::decode(const Route& route, const wire::RequestHead& head,
                                std::string body) const {
  return Decoding(route, head).run(std::move(body));
}

Result<void> Contracts::validate(const Operation& operation, const json::Object& input) const {
  Checker checker;
  checker.members(*operation.input, input);
  if (checker.failed()) return fail(checker.error());
  return {};
}

Result<void> Contracts::check_output(const Operation& operation, const json::Object& output) const {
  Checker checker;
  checker.members(*operation.output, output);
  if (!checker.failed()) return {};
  return fail(Code::internal, "{} answers what its model forbids: {}", operation.name,
              checker.error().message);
}

Result<void> Contracts::check_event(const Operation& operation, std::string_view member,
                                    const json::Value& payload) const {
  const auto* stream = operation.output->payload;
  if (operation.output_stream.empty() || !stream)
    return fail(Code::internal, "{} answers without a stream", operation.name);
  const auto* event = stream->shape->find(member);
  if (!event) return fail(Code::internal, "{} has no event {}", operation.name, member);
  Checker checker;
  checker.enter(event->name);
  checker.value(*event->shape, payload);
  checker.leave();
  if (!checker.failed()) return {};
  return fail(Code::internal, "{} sends what its model forbids: {}", operation.name,
              checker.error().message);
}

}  // namespace outcrop::contract

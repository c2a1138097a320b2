// Goal: the examples that tools/contracts/examples.py made apart from this code are valid here,
// travel as a request and come back, and every required member is missed when it is taken away.

#include "base/text.h"
#include "contract/shape.h"
#include "help.h"

#include <fstream>
#include <sstream>

namespace outcrop::contract {
namespace {

const json::Object& examples() {
  static const json::Value read = [] {
    std::ifstream file(OUTCROP_EXAMPLES);
    std::ostringstream text;
    text << file.rdbuf();
    return parse(text.str());
  }();
  return read.as_object();
}

const json::Object& example(const Operation& operation, std::string_view side) {
  return json::find(examples(), operation.service + "." + operation.name)
      ->as_object()
      .at({side.data(), side.size()})
      .as_object();
}

std::string text_of(const json::Value& value) {
  return value.is_string() ? std::string(json::view(value.get_string())) : json::write(value);
}

/// The request that a client would send for an input document.
Sent request(const Operation& operation, const json::Object& input) {
  Sent sent{.method = operation.method, .target = operation.uri, .signing = operation.signing};
  json::Object body;
  std::string query;
  for (const auto& member : operation.input->members) {
    const auto* value = json::find(input, member.name);
    if (!value) continue;
    std::string name(member.wire_name);
    if (member.place == Place::path) {
      auto at = sent.target.find("{" + name + "}");
      sent.target.replace(at, name.size() + 2, percent_encode(text_of(*value)));
    } else if (member.place == Place::query) {
      auto add = [&](const json::Value& one) {
        query += (query.empty() ? "?" : "&") + name + "=" + percent_encode(text_of(one));
      };
      if (value->is_array()) {
        for (const auto& item : value->get_array()) add(item);
      } else {
        add(*value);
      }
    } else if (member.place == Place::header) {
      sent.headers.add(name, text_of(*value));
    } else if (&member == operation.input->payload) {
      sent.body = json::write(*value);
    } else {
      body.emplace(boost::json::string_view(member.name.data(), member.name.size()), *value);
    }
  }
  if (!body.empty()) sent.body = json::write(json::Value(body));
  sent.target += query;
  return sent;
}

bool by_rule(const Operation& operation) {
  return operation.uri.starts_with("/tags/") || operation.uri.starts_with("/agents/{sessionId}");
}

TEST(Examples, EveryOperationHasOneAndItIsValid) {
  for (const auto& operation : Contracts::bundled().operations()) {
    auto valid = Contracts::bundled().validate(*operation, example(*operation, "input"));
    EXPECT_TRUE(valid) << operation->service << "." << operation->name << ": "
                       << valid.error().message;
    auto output = Contracts::bundled().check_output(*operation, example(*operation, "output"));
    EXPECT_TRUE(output) << operation->service << "." << operation->name << ": "
                        << output.error().message;
  }
}

TEST(Examples, EveryOneTravelsAsARequestAndComesBack) {
  for (const auto& operation : Contracts::bundled().operations()) {
    if (by_rule(*operation)) continue;
    const auto& input = example(*operation, "input");
    auto decoded = decode(request(*operation, input));
    ASSERT_TRUE(decoded) << operation->name << ": " << decoded.error().message;
    EXPECT_EQ(decoded->operation, operation.get()) << operation->name;
    EXPECT_EQ(decoded->document, input) << operation->name;
  }
}

TEST(Examples, EveryRequiredMemberIsMissed) {
  int missed = 0;
  for (const auto& operation : Contracts::bundled().operations()) {
    for (const auto& member : operation->input->members) {
      bool whole = &member == operation->input->payload &&
                   (member.shape->kind == Kind::blob || member.shape->event_stream);
      if (!member.required || whole) continue;
      auto input = example(*operation, "input");
      input.erase(boost::json::string_view(member.name.data(), member.name.size()));
      auto checked = Contracts::bundled().validate(*operation, input);
      ASSERT_FALSE(checked) << operation->name << " without " << member.name;
      auto value = member.shape->sensitive ? "Value" : "Value null";
      EXPECT_EQ(checked.error().message,
                fmt::format("1 validation error detected: {} at '{}' failed to satisfy constraint: "
                            "Member must not be null",
                            value, member.name));
      ++missed;
    }
  }
  EXPECT_GT(missed, 300);
}

}  // namespace
}  // namespace outcrop::contract

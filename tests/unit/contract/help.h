#pragma once
/// Short ways to say what the tests of this folder say often.

#include "contract/contract.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace outcrop::contract {

inline json::Value parse(std::string_view text) {
  auto value = json::read(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : json::Value();
}

inline const Operation& operation(std::string_view service, std::string_view name) {
  const auto* found = Contracts::bundled().find(service, name);
  if (!found) throw std::runtime_error("no operation " + std::string(name));
  return *found;
}

struct Sent {
  std::string method = "POST";
  std::string target;
  std::string body{};
  wire::Headers headers{};
  std::string signing{};
};

inline Result<Input> decode(Sent sent) {
  const auto& contracts = Contracts::bundled();
  TRY(route, contracts.route(sent.method, sent.target, sent.signing, sent.body.empty()));
  wire::RequestHead head;
  head.method = sent.method;
  head.target = sent.target;
  head.headers = sent.headers;
  return contracts.decode(route, head, sent.body);
}

/// The message that validation of a document gives; empty when it is valid.
inline std::string validation(const Contracts& contracts, const Operation& operation,
                              std::string_view document) {
  auto checked = contracts.validate(operation, parse(document).as_object());
  return checked ? std::string() : checked.error().message;
}

/// A contract of one operation, Op, with the given members and shapes.
inline std::unique_ptr<Contracts> one(std::string_view members, std::string_view shapes,
                                      std::string_view required = "") {
  std::string text =
      R"({"service":"test","signing":"test","operations":{"Op":{"method":"POST","uri":"/op","status":200,"input":"In","output":"Out","errors":[]}},"shapes":{"In":{"type":"structure","required":[)" +
      std::string(required) + R"(],"members":{)" + std::string(members) +
      R"(}},"Out":{"type":"structure","members":{}},)" + std::string(shapes) + "}}";
  auto made = Contracts::load({text});
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

inline std::string checked(std::string_view member_shape, std::string_view document,
                           std::string_view more_shapes = "") {
  auto contracts =
      one(R"("m":"S")", R"("S":)" + std::string(member_shape) + std::string(more_shapes));
  return validation(*contracts, *contracts->find("test", "Op"), document);
}

}  // namespace outcrop::contract

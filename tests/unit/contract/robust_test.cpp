// Goal: documents made at random, and valid ones broken at random, are refused or taken, never a
// crash; what is refused names its cause briefly.

#include "contract/shape.h"
#include "help.h"

#include <random>

namespace outcrop::contract {
namespace {

class Source {
 public:
  explicit Source(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_);
  }

  json::Value any(int depth) {
    switch (below(depth > 0 ? 9 : 7)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return std::int64_t(below(1000)) - 500;
      case 3:
        return 1e10 / (1.0 + static_cast<double>(below(7)));
      case 4:
        return "";
      case 5:
        return json::String(std::string(below(300), 'x'));
      case 6:
        return "e30=";
      case 7: {
        json::Array list;
        for (std::size_t i = below(4); i > 0; --i) list.push_back(any(depth - 1));
        return list;
      }
      default: {
        json::Object object;
        for (std::size_t i = below(4); i > 0; --i)
          object["k" + std::to_string(below(9))] = any(depth - 1);
        return object;
      }
    }
  }

  /// Mostly of the shape.
  json::Value of(const Shape& shape, int depth) {
    if (depth <= 0 || below(12) == 0) return any(2);
    switch (shape.kind) {
      case Kind::structure:
      case Kind::union_: {
        json::Object object;
        for (const auto& member : shape.members) {
          bool wanted =
              shape.kind == Kind::union_ ? below(shape.members.size()) == 0 : below(2) == 0;
          if (wanted)
            object[boost::json::string_view(member.name.data(), member.name.size())] =
                of(*member.shape, depth - 1);
        }
        return object;
      }
      case Kind::list: {
        json::Array list;
        for (std::size_t i = below(4); i > 0; --i) list.push_back(of(*shape.element, depth - 1));
        return list;
      }
      case Kind::map: {
        json::Object object;
        for (std::size_t i = below(3); i > 0; --i)
          object["key" + std::to_string(i)] = of(*shape.element, depth - 1);
        return object;
      }
      case Kind::string:
        if (!shape.values.empty())
          return json::String(shape.values[below(shape.values.size())].data(),
                              shape.values[0].size());
        return json::String(std::string(below(20), 'a'));
      case Kind::boolean:
        return below(2) == 0;
      case Kind::blob:
        return "YWJj";
      case Kind::timestamp:
        return "2026-01-01T00:00:00Z";
      case Kind::document:
        return any(3);
      default:
        return std::int64_t(below(5));
    }
  }

 private:
  std::mt19937 engine_;
};

TEST(Robust, RandomDocumentsAreJudgedAndNeverCrash) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Source source(seed);
  int refused = 0, taken = 0;
  for (int round = 0; round < 8; ++round) {
    for (const auto& operation : Contracts::bundled().operations()) {
      Route route{operation.get(), {}};
      for (const auto& name : operation->labels) route.labels.emplace_back(name, "abcdefghij");
      wire::RequestHead head;
      head.method = operation->method;
      head.target = "/x?maxResults=5&nextToken=a&tagKeys=a";
      auto input =
          Contracts::bundled().decode(route, head, json::write(source.of(*operation->input, 6)));
      if (input) {
        ++taken;
        EXPECT_TRUE(Contracts::bundled().validate(*operation, input->document))
            << "what was taken is valid";
        continue;
      }
      ++refused;
      EXPECT_TRUE(input.error().code == Code::validation ||
                  input.error().code == Code::serialization);
      EXPECT_FALSE(input.error().message.empty());
      EXPECT_LT(input.error().message.size(), 20000u);
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(taken, 10);
}

TEST(Robust, RandomTargetsAreRoutedOrRefused) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Source source(seed);
  const std::vector<std::string> parts{
      "/", "model", "agents", "arn:aws:x", "%2F", "%",    "tags", "flows",         "converse",
      "?", "=",     "&",      "..",        "//",  "\xff", "{x}",  "knowledgebases"};
  for (int round = 0; round < 20000; ++round) {
    std::string target;
    for (std::size_t i = source.below(12); i > 0; --i)
      target += parts[source.below(parts.size())] + (source.below(2) ? "/" : "");
    auto route = Contracts::bundled().route(source.below(2) ? "POST" : "GET", target, "",
                                            source.below(2) == 0);
    if (!route) {
      EXPECT_TRUE(route.error().code == Code::unknown_operation ||
                  route.error().code == Code::validation)
          << target;
    }
  }
}

TEST(Robust, DeepDocumentsOfRecursiveShapesAreRefusedByTheReader) {
  std::string body =
      R"({"retrievalQuery":{"text":"x"},"retrievalConfiguration":{"vectorSearchConfiguration":{"filter":)";
  std::string open, close;
  for (int i = 0; i < 2000; ++i) {
    open += R"({"andAll":[)";
    close += "]}";
  }
  auto input = decode(
      {.target = "/knowledgebases/ABCDEFGHIJ/retrieve", .body = body + open + close + "}}}"});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, Code::serialization);
}

}  // namespace
}  // namespace outcrop::contract

// Goal: a download survives cuts and changes, and never leaves a wrong file behind. The server is
// ours, on a free port, and behaves as each test says.
#include "app/registry/fetch.h"

#include "app/temp_folder.h"
#include "base/text.h"
#include "wire/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <functional>

namespace outcrop::registry {
namespace {

using ::testing::HasSubstr;

struct FetchTest : ::testing::Test {
  TempFolder folder;
  Loop loop{1};
  std::string content = std::string(300'000, 'a') + std::string(300'000, 'b');
  std::string etag = "\"v1\"";
  std::size_t cut_after = 0;  // bytes of one answer; 0: whole
  int cuts = 0;               // how many answers are cut
  int status = 0;             // instead of the file
  std::vector<std::string> ranges;
  wire::Server server{loop, {}, [this](wire::Exchange& exchange) { return answer(exchange); }};
  std::uint16_t port = *server.listen("127.0.0.1", 0);
  wire::Client client{loop};

  Task<void> answer(wire::Exchange& exchange) {
    const auto& head = exchange.request();
    std::string range(head.headers.find("range").value_or(""));
    ranges.push_back(range);
    wire::ResponseHead out;
    std::string body = content;
    if (status) {
      out.status = status;
      co_await exchange.respond(out, "no");
      co_return;
    }
    if (!etag.empty()) out.headers.add("etag", etag);
    if (!range.empty() && head.headers.find("if-range") == etag) {
      std::size_t from = 0;
      std::from_chars(range.data() + 6, range.data() + range.size(), from);
      if (from >= content.size()) {
        out.status = 416;
        out.headers.add("content-range", fmt::format("bytes */{}", content.size()));
        co_await exchange.respond(out, "");
        co_return;
      }
      out.status = 206;
      out.headers.add("content-range",
                      fmt::format("bytes {}-{}/{}", from, content.size() - 1, content.size()));
      body = content.substr(from);
    }
    if (cuts > 0) {
      --cuts;
      out.headers.add("content-length", fmt::format("{}", body.size()));
      co_await exchange.start(out);
      co_await exchange.write(body.substr(0, cut_after));
      co_await loop.sleep(std::chrono::milliseconds(20));
      exchange.abort();
      co_return;
    }
    co_await exchange.respond(out, std::move(body));
  }
  Result<Downloaded> get(std::string sha256 = {}, CancelToken cancel = {}) {
    Result<Downloaded> out;
    loop.run(run(
        {fmt::format("http://127.0.0.1:{}/m.gguf", port), folder.path("m.gguf"), std::move(sha256)},
        cancel, &out));
    return out;
  }
  Task<void> run(Download what, CancelToken cancel, Result<Downloaded>* out) {
    *out = co_await download(loop, client, std::move(what), {}, cancel);
  }
  Task<void> cancel_soon(CancelSource cancel) {
    co_await loop.sleep(std::chrono::milliseconds(200));  // in the pause after the cut
    cancel.cancel();
  }
  bool there(std::string_view name) { return std::filesystem::exists(folder.path(name)); }
};

TEST_F(FetchTest, BringsAFileAndItsChecksum) {
  auto got = get(hex(sha256(content)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(TempFolder::read(folder.path("m.gguf")), content);
  EXPECT_EQ(got->sha256, hex(sha256(content)));
  EXPECT_FALSE(there("m.gguf.part"));
  EXPECT_FALSE(there("m.gguf.part.json"));
}

TEST_F(FetchTest, GoesOnAfterACutWithTheRestAlone) {
  cuts = 1;
  cut_after = 250'000;
  auto got = get(hex(sha256(content)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->retries, 1);
  EXPECT_EQ(TempFolder::read(folder.path("m.gguf")), content);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_THAT(ranges[1], HasSubstr("bytes="));
}

TEST_F(FetchTest, ALaterRunGoesOnWhereAnEarlierOneStopped) {
  folder.write("m.gguf.part", content.substr(0, 100'000));
  folder.write("m.gguf.part.json",
               fmt::format(R"({{"url":"http://127.0.0.1:{}/m.gguf","version":"\"v1\""}})", port));
  auto got = get(hex(sha256(content)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->resumed_from, 100'000);
  EXPECT_EQ(ranges, std::vector<std::string>{"bytes=100000-"});
}

TEST_F(FetchTest, APartThatIsWholeIsTakenAndOneOfAnotherVersionIsNot) {
  folder.write("m.gguf.part", content);
  folder.write("m.gguf.part.json",
               fmt::format(R"({{"url":"http://127.0.0.1:{}/m.gguf","version":"\"v1\""}})", port));
  ASSERT_TRUE(get());
  EXPECT_EQ(TempFolder::read(folder.path("m.gguf")), content);
  folder.write("m.gguf.part", "of an older version");
  folder.write("m.gguf.part.json",
               fmt::format(R"({{"url":"http://127.0.0.1:{}/m.gguf","version":"\"v0\""}})", port));
  ASSERT_TRUE(get(hex(sha256(content))));
  folder.write("m.gguf.part", "of another address");
  folder.write("m.gguf.part.json", R"({"url":"http://127.0.0.1:1/other","version":"\"v1\""})");
  ASSERT_TRUE(get(hex(sha256(content))));
}

TEST_F(FetchTest, WithoutAVersionItBeginsAgain) {
  etag.clear();
  cuts = 1;
  cut_after = 250'000;
  auto got = get(hex(sha256(content)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(ranges, (std::vector<std::string>{"", ""}));
}

TEST_F(FetchTest, AWrongChecksumLeavesNothingBehind) {
  auto got = get(std::string(64, '0'));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::validation);
  EXPECT_THAT(got.error().message, HasSubstr("it was not kept"));
  EXPECT_FALSE(there("m.gguf"));
  EXPECT_FALSE(there("m.gguf.part"));
  EXPECT_THAT(get("abc").error().message, HasSubstr("64 hexadecimal digits"));
}

TEST_F(FetchTest, RefusalsAreNotTriedAgain) {
  for (auto [answered, code] :
       {std::pair(404, Code::not_found), std::pair(403, Code::access_denied)}) {
    status = answered;
    ranges.clear();
    EXPECT_EQ(get().error().code, code);
    EXPECT_EQ(ranges.size(), 1u);
  }
}

TEST_F(FetchTest, CancellingStopsAndKeepsThePart) {
  CancelSource cancel;
  cuts = 1;
  cut_after = 250'000;
  loop.spawn(cancel_soon(cancel));
  auto got = get({}, cancel.token());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::cancelled);
  EXPECT_TRUE(there("m.gguf.part"));
  EXPECT_FALSE(there("m.gguf"));
  ASSERT_TRUE(get(hex(sha256(content))));
}

TEST(Urls, GiveFileNames) {
  EXPECT_EQ(file_name_of_url("https://h/a/b.gguf?download=true"), "b.gguf");
  EXPECT_EQ(file_name_of_url("https://h/a%20b.gguf"), "a b.gguf");
  EXPECT_EQ(file_name_of_url("https://h/..%2F..%2Fetc"), "model.gguf");
  EXPECT_EQ(file_name_of_url("https://h"), "model.gguf");
  EXPECT_EQ(file_name_of_url("https://h/"), "model.gguf");
}

}  // namespace
}  // namespace outcrop::registry

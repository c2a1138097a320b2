// The calculation against AWS's own test suite (tests/data/sigv4, made by tools/sigv4_vectors.py),
// header and query form, and against signatures that real SDKs made.
#include "wire/sigv4.h"

#include "base/text.h"
#include "json/json.h"
#include "wire/event_stream.h"
#include "wire/sign.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace outcrop::wire::sigv4 {
namespace {

json::Value vectors() {
  std::ifstream file(OUTCROP_TEST_DATA "/sigv4/vectors.json");
  std::stringstream text;
  text << file.rdbuf();
  return json::read(text.str()).value();
}

std::string text(const json::Object& object, std::string_view key) {
  return std::string(json::find_string(object, key).value_or(""));
}

struct Vector {
  explicit Vector(const json::Object& object) : source(object) {
    name = text(object, "name");
    method = text(object, "method");
    target = text(object, "target");
    body = text(object, "body");
    normalize = json::find_bool(object, "normalize").value_or(false);
    sign_body = json::find_bool(object, "sign_body").value_or(false);
    for (const auto& pair : object.at("headers").as_array()) {
      headers.emplace_back(json::view(pair.as_array()[0].as_string()),
                           json::view(pair.as_array()[1].as_string()));
    }
    auto question = target.find('?');
    path = target.substr(0, question);
    if (question != std::string::npos) query = target.substr(question + 1);
  }
  /// The suite writes this path as it is after one encoding; all others as they stand on the wire.
  PathStyle style() const {
    if (name == "get-space-normalized") return PathStyle::as_sent;
    return normalize ? PathStyle::normalize_encode_again : PathStyle::encode_again;
  }
  const json::Object& source;
  std::string name, method, target, path, query, body;
  bool normalize, sign_body;
  std::vector<std::pair<std::string, std::string>> headers;
};

TEST(SigV4, HeaderFormMatchesEveryVectorOfAws) {
  auto all = vectors();
  int checked = 0;
  for (const auto& value : all.as_array()) {
    Vector vector(value.as_object());
    SCOPED_TRACE(vector.name);
    const auto& want = vector.source.at("header").as_object();
    auto canonical = text(want, "canonical_request");
    CanonicalInput input{.method = vector.method,
                         .path = vector.path,
                         .query = vector.query,
                         .path_style = vector.style()};
    std::string hash = hex(sha256(vector.body));
    input.payload_hash = hash;
    for (const auto& [key, header] : vector.headers) input.headers.emplace_back(key, header);
    // What signing added to the request: the suite's requests stand without it.
    std::string date = "20150830T123600Z", token = text(vector.source, "token");
    if (vector.source.contains("secret")) {
      input.headers.emplace_back("x-amz-date", date);
      if (!token.empty()) input.headers.emplace_back("x-amz-security-token", token);
      if (vector.sign_body) input.headers.emplace_back("x-amz-content-sha256", hash);
    } else if (vector.name == "double-encode-path") {
      input.headers.back().second = "20210511T154045Z";  // the suite's own slip
    }
    EXPECT_EQ(canonical_request(input), canonical);
    ++checked;
    if (!vector.source.contains("secret")) continue;
    Scope scope{"20150830", text(vector.source, "region"), text(vector.source, "service")};
    auto to_sign = string_to_sign(date, scope, canonical);
    EXPECT_EQ(to_sign, text(want, "string_to_sign"));
    EXPECT_EQ(signature(signing_key(text(vector.source, "secret"), scope), to_sign),
              text(want, "signature"));
  }
  EXPECT_EQ(checked, 40);
}

TEST(SigV4, QueryFormMatchesEveryVectorOfAws) {
  auto all = vectors();
  int checked = 0;
  for (const auto& value : all.as_array()) {
    Vector vector(value.as_object());
    if (!vector.source.contains("query")) continue;
    SCOPED_TRACE(vector.name);
    const auto& want = vector.source.at("query").as_object();
    Scope scope{"20150830", text(vector.source, "region"), text(vector.source, "service")};
    std::string hash = hex(sha256(vector.body)), names, token = text(vector.source, "token");
    CanonicalInput input{.method = vector.method,
                         .path = vector.path,
                         .payload_hash = hash,
                         .path_style = vector.style(),
                         .omit_query = {"X-Amz-Signature"}};
    std::vector<std::string> sorted;
    for (const auto& [key, header] : vector.headers) {
      input.headers.emplace_back(key, header);
      sorted.push_back(key);
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const auto& name : sorted) names += (names.empty() ? "" : ";") + name;
    std::string query =
        vector.query + (vector.query.empty() ? "" : "&") +
        "X-Amz-Signature=0&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
        percent_encode(text(vector.source, "access_key_id") + "/" + scope.text()) +
        "&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=" + percent_encode(names) +
        "&X-Amz-Expires=3600";
    if (!token.empty()) query += "&X-Amz-Security-Token=" + percent_encode(token);
    input.query = query;
    auto canonical = canonical_request(input);
    EXPECT_EQ(canonical, text(want, "canonical_request"));
    auto to_sign = string_to_sign("20150830T123600Z", scope, canonical);
    EXPECT_EQ(to_sign, text(want, "string_to_sign"));
    EXPECT_EQ(signature(signing_key(text(vector.source, "secret"), scope), to_sign),
              text(want, "signature"));
    ++checked;
  }
  EXPECT_EQ(checked, 38);
}

std::string path_line(std::string_view path, PathStyle style) {
  CanonicalInput input{.method = "POST", .path = path, .path_style = style};
  auto lines = canonical_request(input);
  return lines.substr(5, lines.find('\n', 5) - 5);
}

TEST(SigV4, PathIsEncodedOnceMoreExceptForS3) {
  EXPECT_EQ(path_line("/model/a%3A0/converse", PathStyle::encode_again), "/model/a%253A0/converse");
  EXPECT_EQ(path_line("/model/a:0/invoke", PathStyle::encode_again), "/model/a%3A0/invoke");
  EXPECT_EQ(path_line("/b/a%20b/c%2Bd", PathStyle::as_sent), "/b/a%20b/c%2Bd");
  EXPECT_EQ(path_line("/b/a:b@c", PathStyle::as_sent), "/b/a%3Ab%40c");
  EXPECT_EQ(path_line("/b//k/../x", PathStyle::as_sent), "/b//k/../x");
  EXPECT_EQ(path_line("/b/50%", PathStyle::as_sent), "/b/50%25");
}

TEST(SigV4, TrailingSlashOutlivesNormalizing) {
  EXPECT_EQ(path_line("/agents/X/", PathStyle::normalize_encode_again), "/agents/X/");
  EXPECT_EQ(path_line("//agents/./X", PathStyle::normalize_encode_again), "/agents/X");
  EXPECT_TRUE(is_normal("/agents/X/"));
  EXPECT_TRUE(is_normal("/.well-known/x"));
  EXPECT_TRUE(is_normal("/"));
  EXPECT_FALSE(is_normal("//agents"));
  EXPECT_FALSE(is_normal("/a/./b"));
  EXPECT_FALSE(is_normal("/a/.."));
}

TEST(SigV4, QuerySortsByNameThenValueAfterEncoding) {
  CanonicalInput input{.method = "GET", .path = "/", .query = "b=2&a-b=1&a=z&a=%79&c&&d=x+y&e=%7e"};
  auto canonical = canonical_request(input);
  auto start = canonical.find('\n', 4) + 1;
  EXPECT_EQ(canonical.substr(start, canonical.find('\n', start) - start),
            "a=y&a=z&a-b=1&b=2&c=&d=x%20y&e=~");
}

TEST(SigV4, SignedFramesFormTheChainThatTheJavaScriptSignerMakes) {
  // Made with @smithy/signature-v4 over a `:date` header and the payload "payload".
  Scope scope{"20240101", "us-east-1", "bedrock"};
  auto key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope);
  std::string prior;
  for (int i = 0; i < 32; ++i) prior += "ab";
  auto date = encode_header({":date", EventHeader::Timestamp(Millis(1'704'067'200'000))}).value();
  EXPECT_EQ(hex(date), "053a64617465080000018cc251f400");
  EXPECT_EQ(chunk_signature(key, "20240101T000000Z", scope, prior, date, "payload"),
            "24f616f47ad1a6bf3a6da189511b2446b42ed594b153351640685df32fe24216");
}

TEST(SigV4, SignPutsHostTypeAndAmzHeadersUnderTheSignature) {
  RequestHead head{.method = "POST",
                   .target = "/model/a%3A0/converse",
                   .authority = "127.0.0.1:8080",
                   .headers = {{"content-type", "application/json"}, {"accept", "*/*"}},
                   .peer = {}};
  sign(head, "{}", {"AKID", "secret", "token"}, "us-east-1", "bedrock",
       parse_basic_iso8601("20240101T000000Z").value());
  auto value = std::string(head.headers.find("authorization").value());
  EXPECT_TRUE(value.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKID/20240101/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="))
      << value;
  EXPECT_FALSE(head.headers.has("x-amz-content-sha256"));
}

}  // namespace
}  // namespace outcrop::wire::sigv4

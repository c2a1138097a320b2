// Converse as a dialect: every semantic error in its exact words, and that what is decoded encodes
// to the same.
#include "models/dialects/converse.h"

#include <gtest/gtest.h>

namespace outcrop::models {
namespace {

json::Object object(std::string_view text) {
  auto value = json::read(text);
  EXPECT_TRUE(value) << text;
  return value ? value->get_object() : json::Object{};
}

std::string error_of(std::string_view text, const ConverseRules& rules = {}) {
  auto decoded = decode_converse_request(object(text), rules);
  if (decoded) return "";
  EXPECT_EQ(decoded.error().code, Code::validation);
  return decoded.error().message;
}

struct Case {
  const char* name;
  const char* body;
  const char* message;
};

class ConverseErrors : public ::testing::TestWithParam<Case> {};

TEST_P(ConverseErrors, AreInTheServicesWords) {
  EXPECT_EQ(error_of(GetParam().body), GetParam().message);
}

constexpr const char* starts =
    "A conversation must start with a user message. Try again with a conversation that starts with "
    "a user message.";
constexpr const char* bad_name =
    "The document file name can only contain alphanumeric characters, whitespace characters, "
    "hyphens, parentheses, and "
    "square brackets. The name can't contain more than one consecutive whitespace character. Check "
    "that the file name "
    "conforms to these restrictions and retry your request.";

INSTANTIATE_TEST_SUITE_P(
    Converse, ConverseErrors,
    ::testing::Values(
        Case{"NoMessages", R"({})", starts}, Case{"EmptyMessages", R"({"messages":[]})", starts},
        Case{"AssistantFirst", R"({"messages":[{"role":"assistant","content":[{"text":"a"}]}]})",
             starts},
        Case{
            "TwoUsers",
            R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"user","content":[{"text":"b"}]}]})",
            "A conversation must alternate between user and assistant roles. Make sure the "
            "conversation alternates between user and "
            "assistant roles and try again."},
        Case{"BlankText",
             R"({"messages":[{"role":"user","content":[{"text":"a"},{"text":" \n"}]}]})",
             "The text field in the ContentBlock object at messages.0.content.1 is blank. Add text "
             "to the text field, and try again."},
        Case{"EmptyContent", R"({"messages":[{"role":"user","content":[]}]})",
             "The content field in the Message object at messages.0 is empty. Add a ContentBlock "
             "object to the content field and try again."},
        Case{
            "UnansweredTool",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}]},"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"tooluse_1","name":"t","input":{}}},{"toolUse":{"toolUseId":"tooluse_2","name":"t","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"tooluse_1","content":[]}}]}]})",
            "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_2"},
        Case{
            "ToolUseLast",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}]},"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"tooluse_1","name":"t","input":{}}}]}]})",
            "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_1"},
        Case{
            "TooManyResults",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}]},"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"x","content":[{"text":"r"}]}}]}]})",
            "The number of toolResult blocks at messages.0.content exceeds the number of toolUse "
            "blocks of previous turn."},
        Case{
            "NoToolConfig",
            R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"u","name":"t","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"u","content":[{"text":"r"}]}}]}]})",
            "The toolConfig field must be defined when using toolUse and toolResult content "
            "blocks."},
        Case{
            "ToolSchemaType",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"string"}}}}]},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the "
            "following: object."},
        Case{
            "ToolTwice",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}},{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}]},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "Tool names must be unique. toolConfig.tools has more than one tool with the name t."},
        Case{
            "ChoiceOfAnUnknownTool",
            R"({"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"tool":{"name":"u"}}},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The tool u of toolConfig.toolChoice is not in toolConfig.tools."},
        Case{
            "DocumentAlone",
            R"({"messages":[{"role":"user","content":[{"document":{"name":"d","format":"txt","source":{"bytes":"YQ=="}}}]}]})",
            "A text block must be included when using documents."},
        Case{
            "DocumentName",
            R"({"messages":[{"role":"user","content":[{"text":"a"},{"document":{"name":"d.pdf","format":"txt","source":{"bytes":"YQ=="}}}]}]})",
            bad_name},
        Case{
            "DocumentNameDoubleSpace",
            R"({"messages":[{"role":"user","content":[{"text":"a"},{"document":{"name":"a  b","format":"txt","source":{"bytes":"YQ=="}}}]}]})",
            bad_name},
        Case{
            "DocumentTwice",
            R"({"messages":[{"role":"user","content":[{"text":"a"},{"document":{"name":"d","format":"txt","source":{"bytes":"YQ=="}}},{"document":{"name":"d","format":"txt","source":{"bytes":"YQ=="}}}]}]})",
            "Messages can't contain duplicate document names. Rename the document and retry your "
            "request."},
        Case{
            "ImageFromAssistant",
            R"({"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"image":{"format":"png","source":{"bytes":"YQ=="}}}]}]})",
            "The image block at messages.1.content.0 is only allowed in messages with the user "
            "role."},
        Case{
            "BadBase64",
            R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"%%%"}}}]}]})",
            "The bytes at messages.0.content.0.image.source.bytes are not valid base64."},
        Case{
            "CachePointFirst",
            R"({"messages":[{"role":"user","content":[{"cachePoint":{"type":"default"}},{"text":"a"}]}]})",
            "The cachePoint at messages.0.content.0 has nothing before it. Put it after the "
            "content to cache."},
        Case{
            "CacheTtlGrows",
            R"({"system":[{"text":"s"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"a"},{"cachePoint":{"type":"default","ttl":"1h"}}]}]})",
            "The model returned the following errors: messages.0.content.1.cache_control.ttl: a "
            "ttl='1h' cache_control block must not come "
            "after a ttl='5m' cache_control block. Note that blocks are processed in the following "
            "order: `tools`, `system`, `messages`."},
        Case{
            "FiveCachePoints",
            R"({"messages":[{"role":"user","content":[{"text":"a"},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}},{"cachePoint":{"type":"default"}}]}]})",
            "The model returned the following errors: A maximum of 4 blocks with cache_control may "
            "be provided. Found 5."},
        Case{
            "FieldTwice",
            R"({"inferenceConfig":{"maxTokens":5},"additionalModelRequestFields":{"max_tokens":6},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The additional field max_tokens conflicts with the existing field "
            "inferenceConfig.maxTokens. Remove one of the two and try again."},
        Case{
            "FieldsNoObject",
            R"({"additionalModelRequestFields":[1],"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The value at additionalModelRequestFields must be a JSON object."},
        Case{
            "BadPointer",
            R"({"additionalModelResponseFieldPaths":["stop"],"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The value at additionalModelResponseFieldPaths.0 is not a valid JSON Pointer. Write "
            "one such as /stop_sequence."},
        Case{
            "SchemaNoJson",
            R"({"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"[]"}}}},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The schema at outputConfig.textFormat.structure.jsonSchema.schema must be a JSON "
            "object."},
        Case{
            "SchemaBound",
            R"({"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1}}}"}}}},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The schema at outputConfig.textFormat.structure.jsonSchema.schema/properties/a uses "
            "minimum, which is not supported."},
        Case{
            "SchemaRecursive",
            R"({"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/a\"}}}}}"}}}},"messages":[{"role":"user","content":[{"text":"a"}]}]})",
            "The schema at outputConfig.textFormat.structure.jsonSchema.schema/properties/n is "
            "recursive by '#/$defs/a', which is not supported."},
        Case{"TwoMembers", R"({"messages":[{"role":"user","content":[{"text":"a","image":{}}]}]})",
             "The object at messages.0.content.0 has more than one member set. Set exactly one."}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Converse, SixthDocumentAndTwentyFirstImageAreRefused) {
  std::string documents = R"({"messages":[{"role":"user","content":[{"text":"a"})";
  for (int i = 0; i < 6; ++i)
    documents += fmt::format(
        R"(,{{"document":{{"name":"d{}","format":"txt","source":{{"bytes":"YQ=="}}}}}})", i);
  EXPECT_EQ(error_of(documents + "]}]}"), "You can't include more than 5 documents in a request.");
  std::string images = R"({"messages":[{"role":"user","content":[{"text":"a"})";
  for (int i = 0; i < 21; ++i) images += R"(,{"image":{"format":"png","source":{"bytes":"YQ=="}}})";
  EXPECT_EQ(error_of(images + "]}]}"),
            "The model returned the following errors: messages: too many images: 21 > 20");
}

TEST(Converse, SizesAreOfDecodedBytes) {
  ConverseRules rules;
  rules.image_bytes = 3;
  rules.document_bytes = 3;
  EXPECT_EQ(
      error_of(
          R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"YWJj"}}}]}]})",
          rules),
      "");
  EXPECT_EQ(
      error_of(
          R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"YWJjZA=="}}}]}]})",
          rules),
      "The image at messages.0.content.0 has 4 bytes. At most 3 are allowed.");
  EXPECT_EQ(
      error_of(
          R"({"messages":[{"role":"user","content":[{"text":"a"},{"document":{"name":"d","source":{"text":"abcd"}}}]}]})",
          rules),
      "The document at messages.0.content.1 has 4 bytes. At most 3 are allowed.");
}

TEST(Converse, MessagesMayBeAbsentForAStoredPrompt) {
  ConverseRules rules;
  rules.messages_required = false;
  EXPECT_TRUE(decode_converse_request({}, rules));
}

TEST(Converse, AdditionalFieldsAreHeardAndKept) {
  auto decoded = decode_converse_request(object(
      R"({"additionalModelRequestFields":{"top_k":20,"max_tokens":7,"seed":3,"thinking":{"type":"enabled"}},"messages":[{"role":"user","content":[{"text":"a"}]}]})"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->inference.top_k, 20);
  EXPECT_EQ(decoded->inference.max_tokens, 7);
  EXPECT_EQ(decoded->inference.seed, 3u);
  EXPECT_TRUE(decoded->additional_fields.contains("thinking"));
}

// Everything that Converse can say, decoded and encoded again, is what was said.
TEST(Converse, RequestsDecodeAndEncodeToThemselves) {
  const auto body = object(R"({
    "messages":[
      {"role":"user","content":[{"text":"look"},{"image":{"format":"jpeg","source":{"bytes":"YWJj"}}},
        {"document":{"format":"pdf","name":"Report 1","source":{"s3Location":{"uri":"s3://b/k","bucketOwner":"111122223333"}},"context":"c","citations":{"enabled":true}}},
        {"guardContent":{"text":{"text":"g","qualifiers":["query"]}}},{"video":{"format":"mp4","source":{"bytes":"YQ=="}}},{"cachePoint":{"type":"default","ttl":"5m"}}]},
      {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}},{"reasoningContent":{"redactedContent":"YWI="}},{"text":"I call"},{"toolUse":{"toolUseId":"t1","name":"w","input":{"city":"Bonn","n":1.5}}}]},
      {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"a":[1,2]}},{"text":"x"},{"image":{"format":"png","source":{"bytes":"YQ=="}}}],"status":"error"}}]}],
    "system":[{"text":"s"},{"cachePoint":{"type":"default","ttl":"1h"}}],
    "inferenceConfig":{"maxTokens":10,"temperature":0.5,"topP":0.9,"stopSequences":["x"]},
    "toolConfig":{"tools":[{"toolSpec":{"name":"w","description":"d","inputSchema":{"json":{"type":"object"}},"strict":true}},{"cachePoint":{"type":"default","ttl":"1h"}}],"toolChoice":{"tool":{"name":"w"}}},
    "additionalModelRequestFields":{"top_k":4},
    "outputConfig":{"effort":"low"},
    "additionalModelResponseFieldPaths":["/stop_sequence"]})");
  auto decoded = decode_converse_request(body);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(json::Value(encode_converse_request(*decoded)), json::Value(body))
      << json::write(encode_converse_request(*decoded));
}

TEST(Converse, ReplyCarriesUsageWithTheCachesTiers) {
  Reply reply;
  reply.message.content = {TextBlock{"hi"}, ToolUseBlock{"tooluse_a", "w", json::Object{{"x", 1}}}};
  reply.stop = StopReason::tool_use;
  reply.usage = {10, 5, 100, 20, 30, 0};
  reply.latency_ms = 12;
  EXPECT_EQ(
      json::write(encode_converse_reply(reply)),
      R"({"output":{"message":{"role":"assistant","content":[{"text":"hi"},{"toolUse":{"toolUseId":"tooluse_a","name":"w","input":{"x":1}}}]}},)"
      R"("stopReason":"tool_use","usage":{"inputTokens":10,"outputTokens":5,"totalTokens":165,"cacheReadInputTokens":100,"cacheWriteInputTokens":50,)"
      R"("cacheDetails":[{"ttl":"1h","inputTokens":30},{"ttl":"5m","inputTokens":20}]},"metrics":{"latencyMs":12}})");
  auto back = decode_converse_reply(encode_converse_reply(reply));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(json::Value(encode_converse_reply(*back)), json::Value(encode_converse_reply(reply)));
}

// The stream says what the whole reply says: events, written and read again, fold to the same
// reply.
TEST(Converse, StreamEventsReadBackToTheSameReply) {
  const std::vector<Event> events{MessageStart{},
                                  ReasoningDelta{0, "think"},
                                  ReasoningSignature{0, "sig"},
                                  BlockStop{0},
                                  TextDelta{1, "he"},
                                  TextDelta{1, "llo"},
                                  BlockStop{1},
                                  ToolUseStart{2, "tooluse_1", "w"},
                                  ToolInputDelta{2, "{\"a\""},
                                  ToolInputDelta{2, ":1}"},
                                  BlockStop{2},
                                  RedactedReasoning{3, "raw"},
                                  BlockStop{3},
                                  MessageStop{StopReason::tool_use, "", json::Object{{"k", 1}}},
                                  Metadata{{1, 2, 3, 4, 5, 0}, 9, nullptr}};
  ReplyBuilder direct;
  ReplyBuilder through;
  for (const auto& event : events) {
    ASSERT_TRUE(direct.add(event));
    auto encoded = encode_converse_event(event);
    ASSERT_TRUE(encoded);
    auto decoded = decode_converse_event(encoded->member, encoded->payload);
    ASSERT_TRUE(decoded && *decoded) << encoded->member;
    ASSERT_TRUE(through.add(**decoded));
  }
  EXPECT_EQ(json::write(encode_converse_reply(std::move(through).take())),
            json::write(encode_converse_reply(std::move(direct).take())));
  EXPECT_EQ(json::write(encode_converse_event(events[7])->payload),
            R"({"start":{"toolUse":{"toolUseId":"tooluse_1","name":"w"}},"contentBlockIndex":2})");
  EXPECT_EQ(json::write(encode_converse_event(events[4])->payload),
            R"({"delta":{"text":"he"},"contentBlockIndex":1})");
  EXPECT_FALSE(encode_converse_event(NativeChunk{"{}"}));
}

TEST(Converse, ResponseFieldsKeepTheirPlace) {
  const auto native = *json::read(R"({"stop_sequence":"x","usage":{"a":1,"b~/":2}})");
  EXPECT_EQ(json::write(additional_response_fields(
                native, {"/stop_sequence", "/usage/a", "/usage/b~0~1", "/none"})),
            R"({"stop_sequence":"x","usage":{"a":1,"b~/":2}})");
  EXPECT_TRUE(additional_response_fields(native, {"/none"}).is_null());
}

}  // namespace
}  // namespace outcrop::models

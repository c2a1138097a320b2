// Vendors' bodies: requests decode, replies encode, streams say what the whole reply says, bad
// bodies are refused in the service's words.
#include "models/dialects/dialect.h"
#include "models/dialects/embedding_shape.h"

#include <gtest/gtest.h>

#include <cmath>

namespace outcrop::models {
namespace {

Result<NativeRequest> decode(std::string_view id, std::string_view body) {
  const auto* dialect = dialect_for(id);
  EXPECT_TRUE(dialect) << id;
  return decode_native(*dialect, body);
}
std::string error_of(std::string_view id, std::string_view body) {
  auto request = decode(id, body);
  if (request) return "";
  EXPECT_EQ(request.error().code, Code::validation);
  return request.error().message;
}
Conversation conversation_of(std::string_view id, std::string_view body) {
  auto request = decode(id, body);
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  return request ? std::get<Conversation>(request->content) : Conversation{};
}
std::string shown(const Conversation& c) {
  std::string out;
  for (const auto& block : c.system) {
    if (const auto* text = std::get_if<TextBlock>(&block)) out += "system:" + text->text + "|";
    if (std::holds_alternative<CachePointBlock>(block)) out += "cache|";
  }
  for (const auto& message : c.messages) {
    out += std::string(to_text(message.role)) + ":";
    for (const auto& block : message.content) {
      if (const auto* text = std::get_if<TextBlock>(&block)) out += text->text + ";";
      if (const auto* use = std::get_if<ToolUseBlock>(&block))
        out += "use " + use->id + " " + use->name + json::write(use->input) + ";";
      if (const auto* result = std::get_if<ToolResultBlock>(&block))
        out += "result " + result->tool_use_id + ";";
      if (const auto* image = std::get_if<ImageBlock>(&block))
        out += "image " + image->format + ";";
      if (const auto* file = std::get_if<DocumentBlock>(&block))
        out += "document " + file->name + ";";
      if (const auto* reasoning = std::get_if<ReasoningBlock>(&block))
        out += "think " + reasoning->text + ";";
      if (std::holds_alternative<CachePointBlock>(block)) out += "cache;";
    }
    out += "|";
  }
  if (c.raw_prompt) out += "raw:" + *c.raw_prompt;
  return out;
}

constexpr const char* claude = "anthropic.claude-3-haiku-20240307-v1:0";

TEST(Dialects, AreChosenByFamily) {
  for (auto [id, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {claude, "anthropic.messages"},
           {"anthropic.claude-v2:1", "anthropic.text"},
           {"amazon.titan-text-express-v1", "amazon.titan-text"},
           {"amazon.titan-embed-text-v1", "amazon.titan-embed-v1"},
           {"amazon.titan-embed-text-v2:0", "amazon.titan-embed-v2"},
           {"amazon.titan-embed-image-v1", "amazon.titan-embed-image"},
           {"amazon.nova-lite-v1:0", "amazon.nova"},
           {"amazon.nova-2-multimodal-embeddings-v1:0", "amazon.nova-embed"},
           {"meta.llama3-8b-instruct-v1:0", "meta.llama"},
           {"mistral.mistral-7b-instruct-v0:2", "mistral.text"},
           {"mistral.mistral-large-2407-v1:0", "mistral.chat"},
           {"cohere.embed-english-v3", "cohere.embed-v3"},
           {"cohere.embed-v4:0", "cohere.embed-v4"},
           {"cohere.command-r-v1:0", "cohere.command-r"},
           {"cohere.rerank-v3-5:0", "rerank"},
           {"deepseek.r1-v1:0", "deepseek.text"},
           {"openai.gpt-oss-20b-1:0", "openai.chat"},
           {"qwen.qwen3-32b-v1:0", "openai.chat"}}) {
    const auto* dialect = dialect_for(id);
    ASSERT_TRUE(dialect) << id;
    EXPECT_EQ(dialect->name(), name) << id;
    EXPECT_EQ(dialect_named(name), dialect);
  }
  EXPECT_EQ(dialect_for("stability.sd3-large-v1:0"), nullptr);
}

TEST(AnthropicMessages, EverythingOfARequestIsHeard) {
  auto c = conversation_of(
      claude,
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":2000,"temperature":0.5,"top_p":0.9,"top_k":5,"stop_sequences":["X"],
    "system":[{"type":"text","text":"be kind","cache_control":{"type":"ephemeral","ttl":"1h"}}],
    "tools":[{"name":"w","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}},{"type":"bash_20250124","name":"bash"}],
    "tool_choice":{"type":"tool","name":"w"},"thinking":{"type":"enabled","budget_tokens":1024},"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"},
    "messages":[{"role":"user","content":"hi"},{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"YQ=="}},
      {"type":"document","source":{"type":"text","media_type":"text/plain","data":"t"},"title":"T","cache_control":{"type":"ephemeral"}}]},
      {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"toolu_1","name":"w","input":{"a":1}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"r"}],"is_error":true}]}]})");
  EXPECT_EQ(shown(c),
            "system:be kind|cache|user:hi;image png;document T;cache;|assistant:think hm;use "
            "toolu_1 w{\"a\":1};|user:result toolu_1;|");
  EXPECT_EQ(c.inference.max_tokens, 2000);
  EXPECT_EQ(c.inference.top_k, 5);
  EXPECT_EQ(c.inference.stop_sequences, std::vector<std::string>{"X"});
  EXPECT_EQ(c.tools.size(), 3u);
  EXPECT_EQ(c.tool_choice.name, "w");
  EXPECT_TRUE(c.additional_fields.contains("thinking"));
}

TEST(AnthropicMessages, BadBodiesAreRefusedInItsWords) {
  auto body = [](std::string_view rest) {
    return fmt::format(R"({{"anthropic_version":"bedrock-2023-05-31","max_tokens":10{}}})", rest);
  };
  auto said = [&](std::string_view messages) {
    return error_of(claude, body(fmt::format(R"(,"messages":{})", messages)));
  };
  EXPECT_EQ(error_of(claude, R"({"max_tokens":1})"), "anthropic_version: Field required");
  EXPECT_EQ(error_of(claude, R"({"anthropic_version":"x","messages":[]})"),
            "max_tokens: Field required");
  EXPECT_EQ(error_of(claude, R"({"anthropic_version":"x","max_tokens":"1"})"),
            "max_tokens: Input should be a valid integer");
  EXPECT_EQ(error_of(claude, body("")), "messages: Field required");
  EXPECT_EQ(error_of(claude, body(R"(,"prompt":"x")")), "prompt: Extra inputs are not permitted");
  EXPECT_EQ(said("[]"), "messages: at least one message is required");
  EXPECT_EQ(said(R"([{"role":"assistant","content":"x"}])"),
            "messages: first message must use the \"user\" role");
  EXPECT_EQ(said(R"([{"role":"system","content":"x"}])"),
            "messages.0.role: Input should be 'user' or 'assistant'");
  EXPECT_EQ(said(R"([{"role":"user","content":[{"type":"text","text":""}]}])"),
            "messages: text content blocks must be non-empty");
  EXPECT_EQ(said(R"([{"role":"user","content":""}])"),
            "messages.0: all messages must have non-empty content except for the optional final "
            "assistant message");
  EXPECT_EQ(said(R"([{"role":"user","content":"a"},{"role":"assistant","content":""}])"), "");
  EXPECT_EQ(
      said(
          R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"w","input":{}}]},{"role":"user","content":"b"}])"),
      "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t. "
      "Each `tool_use` block must have a corresponding `tool_result` block in the next message.");
  EXPECT_EQ(
      said(R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}])"),
      "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t. Each "
      "`tool_result` block must have a corresponding `tool_use` block in the previous message.");
  EXPECT_EQ(error_of(claude, body(R"(,"temperature":2,"messages":[])")),
            "temperature: range: 0..1");
  EXPECT_NE(error_of(claude, "no json").find("Malformed input request: the body is no JSON"),
            std::string::npos);
}

TEST(MalformedBodies, AreDescribedAsTheServiceDoes) {
  constexpr const char* llama = "meta.llama3-8b-instruct-v1:0";
  struct Case {
    const char* id;
    const char* body;
    const char* what;
  };
  for (const auto& c :
       {Case{llama, R"({"messages":[],"max_tokens":5})",
             "#: required key [prompt] not found#: extraneous key [messages] is not permitted#: "
             "extraneous key [max_tokens] is not permitted"},
        Case{llama, R"({"prompt":"x","max_gen_len":"5"})",
             "#/max_gen_len: expected type: Integer, found: String"},
        Case{llama, R"({"prompt":"x","temperature":1.5})",
             "#/temperature: 1.5 is not less or equal to 1"},
        Case{llama, R"({"prompt":""})", "#/prompt: expected minLength: 1, actual: 0"},
        Case{"amazon.titan-text-express-v1",
             R"({"inputText":"x","textGenerationConfig":{"stopSequences":"a","k":1}})",
             "#/textGenerationConfig: extraneous key [k] is not "
             "permitted#/textGenerationConfig/stopSequences: expected type: JSONArray, found: "
             "String"},
        Case{"mistral.mistral-7b-instruct-v0:2", R"({"prompt":"x","max_tokens":0})",
             "#/max_tokens: 0 is not greater or equal to 1"},
        Case{"amazon.nova-lite-v1:0", R"({"top_p":1})",
             "#: required key [messages] not found#: extraneous key [top_p] is not permitted"},
        Case{"cohere.embed-english-v3", R"({"inputText":"x"})",
             "#: required key [texts] not found#: required key [input_type] not found#: extraneous "
             "key [inputText] is not permitted"},
        Case{"cohere.embed-english-v3", R"({"texts":["a"],"input_type":"nope"})",
             "#/input_type: nope is not a valid enum value"},
        Case{"amazon.titan-embed-text-v2:0", R"({"inputText":"x","dimensions":300})",
             "#/dimensions: 300 is not a valid enum value"},
        Case{"cohere.rerank-v3-5:0", R"({"query":"q"})", "#: required key [documents] not found"},
        Case{"openai.gpt-oss-20b-1:0", R"({"messages":[{"content":"x"}]})",
             "#/messages/0: required key [role] not found"},
        Case{"cohere.command-r-v1:0", R"({"prompt":"x"})",
             "#: required key [message] not found#: extraneous key [prompt] is not permitted"}}) {
    EXPECT_EQ(error_of(c.id, c.body),
              fmt::format("Malformed input request: {}, please reformat your input and try again.",
                          c.what))
        << c.id;
  }
  const std::string longer(2049, 'x');
  EXPECT_EQ(error_of("cohere.embed-english-v3",
                     fmt::format(R"({{"texts":["{}"],"input_type":"search_query"}})", longer)),
            "Malformed input request: #/texts/0: expected maxLength: 2048, actual: 2049, please "
            "reformat your input and try again.");
  std::string many = R"({"input_type":"search_query","texts":[)";
  for (int i = 0; i < 97; ++i) many += i ? ",\"a\"" : "\"a\"";
  EXPECT_EQ(error_of("cohere.embed-english-v3", many + "]}"),
            "Malformed input request: #/texts: expected maximum item count: 96, found: 97, please "
            "reformat your input and try again.");
}

TEST(Prompts, AreTakenBackIntoTurns) {
  struct Case {
    const char* id;
    const char* key;
    const char* prompt;
    const char* turns;
  };
  for (const auto& c :
       {Case{"meta.llama3-8b-instruct-v1:0", "prompt",
             "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe "
             "kind<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_"
             "id|>assistant<|end_header_id|>\n\n",
             "system:be kind|user:hi;|"},
        Case{"meta.llama3-8b-instruct-v1:0", "prompt",
             "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>\n<|start_"
             "header_id|>assistant<|end_header_id|>\n\nSure,",
             "user:hi;|assistant:Sure,;|"},
        Case{"meta.llama4-scout-17b-instruct-v1:0", "prompt",
             "<|begin_of_text|><|header_start|>user<|header_end|>\n\nhi<|eot|><|header_start|>"
             "assistant<|header_end|>\n\n",
             "user:hi;|"},
        Case{"meta.llama2-13b-chat-v1", "prompt",
             "<s>[INST] <<SYS>>\nbe kind\n<</SYS>>\n\nhi [/INST] hello </s><s>[INST] more [/INST]",
             "system:be kind|user:hi;|assistant:hello;|user:more;|"},
        Case{"meta.llama3-8b-instruct-v1:0", "prompt", "Explain gravity.",
             "user:Explain gravity.;|"},
        Case{"meta.llama3-8b-instruct-v1:0", "prompt", "broken <|start_header_id|> thing",
             "raw:broken <|start_header_id|> thing"},
        Case{"mistral.mistral-7b-instruct-v0:2", "prompt", "<s>[INST] hi [/INST]", "user:hi;|"},
        Case{"mistral.mistral-7b-instruct-v0:2", "prompt", "[INST] broken", "raw:[INST] broken"},
        Case{"amazon.titan-text-express-v1", "inputText",
             "User: hi\nBot: hello\nUser: more\nBot:", "user:hi;|assistant:hello;|user:more;|"},
        Case{"amazon.titan-text-express-v1", "inputText", "Say User: twice",
             "user:Say User: twice;|"},
        Case{"deepseek.r1-v1:0", "prompt",
             "<｜begin▁of▁sentence｜>be kind<｜User｜>hi<｜Assistant｜><think>\n",
             "system:be kind|user:hi;|"}}) {
    json::Object body;
    body[c.key] = c.prompt;
    EXPECT_EQ(shown(conversation_of(c.id, json::write(body))), c.turns) << c.prompt;
  }
  EXPECT_EQ(shown(conversation_of(
                "anthropic.claude-v2:1",
                R"({"prompt":"be kind\n\nHuman: hi\n\nAssistant:","max_tokens_to_sample":5})")),
            "system:be kind|user:hi;|");
  EXPECT_EQ(error_of("anthropic.claude-v2:1", R"({"prompt":"hi","max_tokens_to_sample":5})"),
            "prompt must start with \"\n\nHuman:\" turn after an optional system prompt");
}

TEST(ChatBodies, OpenaiNovaAndCommandRDecode) {
  EXPECT_EQ(
      shown(conversation_of(
          "openai.gpt-oss-20b-1:0",
          R"({"messages":[{"role":"developer","content":"be kind"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,YQ=="}}]},
      {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"w","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"w"}}],"max_completion_tokens":5})")),
      "system:be kind|user:hi;image jpeg;|assistant:use c1 w{\"a\":1};|user:result c1;|");
  auto nova = conversation_of(
      "amazon.nova-lite-v1:0",
      R"({"schemaVersion":"messages-v1","system":[{"text":"s"}],"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":5,"topK":7}})");
  EXPECT_EQ(shown(nova), "system:s|user:hi;|");
  EXPECT_EQ(nova.inference.top_k, 7);
  EXPECT_EQ(
      shown(conversation_of(
          "cohere.command-r-v1:0",
          R"({"message":"q","preamble":"p","chat_history":[{"role":"USER","message":"a"},{"role":"CHATBOT","message":"b"}]})")),
      "system:p|user:a;|assistant:b;|user:q;|");
}

const std::vector<Event>& events() {
  static const std::vector<Event> all{MessageStart{{3, 0, 0, 0, 0, 0}},
                                      TextDelta{0, "Hel"},
                                      TextDelta{0, "lo"},
                                      BlockStop{0},
                                      ToolUseStart{1, "tooluse_1", "w"},
                                      ToolInputDelta{1, "{\"a\""},
                                      ToolInputDelta{1, ":1}"},
                                      BlockStop{1},
                                      MessageStop{StopReason::tool_use, "", nullptr},
                                      Metadata{{3, 4, 5, 0, 0, 0}, 12, nullptr}};
  return all;
}
Reply folded() {
  ReplyBuilder builder;
  for (const auto& event : events()) EXPECT_TRUE(builder.add(event));
  return std::move(builder).take();
}
std::vector<json::Value> stream_of(std::string_view id) {
  auto stream = dialect_for(id)->encode_stream({}, id);
  std::vector<std::string> chunks;
  for (const auto& event : events()) stream->add(event, chunks);
  std::vector<json::Value> out;
  for (const auto& chunk : chunks) out.push_back(*json::read(chunk));
  return out;
}

TEST(Streams, AnthropicFoldsBackToTheReply) {
  json::Array content;
  json::Value message;
  std::string partial;
  std::string types;
  for (const auto& chunk : stream_of(claude)) {
    const auto type = *json::find_string(chunk.get_object(), "type");
    types += std::string(type) + " ";
    if (type == "message_start") message = *json::find(chunk, "message");
    if (type == "content_block_start") content.push_back(*json::find(chunk, "content_block"));
    if (type == "content_block_delta") {
      const auto& delta = json::find(chunk, "delta")->get_object();
      auto& block = content.back().get_object();
      if (auto text = json::find_string(delta, "text"))
        block["text"] = std::string(json::view(block["text"].get_string())) + std::string(*text);
      if (auto json_part = json::find_string(delta, "partial_json")) partial += *json_part;
    }
    if (type == "content_block_stop" && !partial.empty())
      content.back().get_object()["input"] = *json::read(std::exchange(partial, ""));
    if (type == "message_delta") {
      message.get_object()["stop_reason"] = *json::find(*json::find(chunk, "delta"), "stop_reason");
      message.get_object()["usage"] = *json::find(chunk, "usage");
    }
    if (type == "message_stop") {
      const auto* metrics = json::find(chunk, "amazon-bedrock-invocationMetrics");
      ASSERT_TRUE(metrics);
      EXPECT_EQ(json::find_int(metrics->get_object(), "inputTokenCount"), 3);
      EXPECT_EQ(json::find_int(metrics->get_object(), "outputTokenCount"), 4);
      EXPECT_EQ(json::find_int(metrics->get_object(), "invocationLatency"), 12);
      EXPECT_EQ(json::find_int(metrics->get_object(), "cacheReadInputTokenCount"), 5);
      EXPECT_TRUE(json::find_int(metrics->get_object(), "firstByteLatency"));
    }
  }
  EXPECT_EQ(types,
            "message_start ping content_block_start content_block_delta content_block_delta "
            "content_block_stop content_block_start content_block_delta content_block_delta "
            "content_block_stop message_delta message_stop ");
  message.get_object()["content"] = content;
  auto whole = dialect_for(claude)->encode_reply(folded(), {}, claude);
  EXPECT_EQ(json::find_string(whole.get_object(), "model"), "claude-3-haiku-20240307");
  EXPECT_TRUE(json::find_string(whole.get_object(), "id")->starts_with("msg_bdrk_"));
  whole.get_object().erase("id");
  message.get_object().erase("id");
  EXPECT_EQ(message, whole);
}

// For each family with one text: the chunks' texts together are the reply's, and the last chunk has
// the end.
TEST(Streams, TextsFoldBackAndTheLastChunkHasTheMetrics) {
  for (auto [id, text, stop] :
       std::initializer_list<std::tuple<const char*, const char*, const char*>>{
           {"amazon.titan-text-express-v1", "/outputText", "/completionReason"},
           {"meta.llama3-8b-instruct-v1:0", "/generation", "/stop_reason"},
           {"mistral.mistral-7b-instruct-v0:2", "/outputs/0/text", "/outputs/0/stop_reason"},
           {"openai.gpt-oss-20b-1:0", "/choices/0/delta/content", "/choices/0/finish_reason"},
           {"mistral.mistral-large-2407-v1:0", "/choices/0/message/content",
            "/choices/0/stop_reason"},
           {"amazon.nova-lite-v1:0", "/contentBlockDelta/delta/text", nullptr},
           {"cohere.command-r-v1:0", "/text", "/finish_reason"}}) {
    std::string all;
    const auto chunks = stream_of(id);
    for (const auto& chunk : chunks) {
      const auto* piece = *json::at_pointer(chunk, text);
      if (piece && piece->is_string()) all += json::view(piece->get_string());
    }
    EXPECT_EQ(all, "Hello") << id;
    EXPECT_TRUE(json::find(chunks.back(), "amazon-bedrock-invocationMetrics")) << id;
    if (stop) {
      const auto* reason = *json::at_pointer(chunks.back(), stop);
      EXPECT_TRUE(reason && reason->is_string()) << id;
    }
  }
}

TEST(Replies, AreInTheVendorsShape) {
  const Reply reply = folded();
  auto said = [&](const char* id) {
    return json::write(dialect_for(id)->encode_reply(reply, {}, id));
  };
  EXPECT_EQ(
      said("amazon.titan-text-express-v1"),
      R"({"inputTextTokenCount":8,"results":[{"tokenCount":4,"outputText":"Hello","completionReason":"FINISH"}]})");
  EXPECT_EQ(
      said("meta.llama3-8b-instruct-v1:0"),
      R"({"generation":"Hello","prompt_token_count":8,"generation_token_count":4,"stop_reason":"stop"})");
  EXPECT_EQ(said("mistral.mistral-7b-instruct-v0:2"),
            R"({"outputs":[{"text":"Hello","stop_reason":"stop"}]})");
  EXPECT_EQ(
      said("amazon.nova-lite-v1:0"),
      R"({"output":{"message":{"role":"assistant","content":[{"text":"Hello"},{"toolUse":{"toolUseId":"tooluse_1","name":"w","input":{"a":1}}}]}},"stopReason":"tool_use",)"
      R"("usage":{"inputTokens":3,"outputTokens":4,"totalTokens":12,"cacheReadInputTokenCount":5,"cacheWriteInputTokenCount":0}})");
  const auto chat =
      dialect_for("openai.gpt-oss-20b-1:0")->encode_reply(reply, {}, "openai.gpt-oss-20b-1:0");
  EXPECT_EQ(json::write(**json::at_pointer(chat, "/choices/0/message/tool_calls/0/function")),
            R"({"name":"w","arguments":"{\"a\":1}"})");
  EXPECT_EQ(json::write(**json::at_pointer(chat, "/choices/0/finish_reason")), "\"tool_calls\"");
}

Embeddings one_vector() {
  Embeddings out;
  out.vectors = {{0.6f, -0.8f, 0.0f}};
  out.tokens = {7};
  out.truncated = {false};
  return out;
}
std::string embedded(const char* id, const char* body) {
  auto request = decode(id, body);
  EXPECT_TRUE(request) << (request ? "" : request.error().message);
  auto reply = dialect_for(id)->encode_embeddings(one_vector(), request->shape);
  EXPECT_TRUE(reply);
  auto* object = reply->if_object();
  object->erase("id");
  return json::write(*reply);
}

TEST(Embedding, RepliesHaveTheAskedTypesAndDimension) {
  auto v1 = *json::read(embedded("amazon.titan-embed-text-v1", R"({"inputText":"x"})"));
  EXPECT_EQ(json::find(v1, "embedding")->get_array().size(), 1536u);
  EXPECT_EQ(json::find_int(v1.get_object(), "inputTextTokenCount"), 7);
  auto v2 = *json::read(
      embedded("amazon.titan-embed-text-v2:0",
               R"({"inputText":"x","dimensions":256,"embeddingTypes":["float","binary"]})"));
  EXPECT_EQ(json::find(v2, "embedding")->get_array().size(), 256u);
  EXPECT_EQ(json::write((*json::at_pointer(v2, "/embeddingsByType/binary"))->get_array()[0]), "1");
  EXPECT_EQ(json::write(**json::at_pointer(v2, "/embedding/1")), "-0.8");
  auto cohere = *json::read(
      embedded("cohere.embed-english-v3", R"({"texts":["x"],"input_type":"search_query"})"));
  EXPECT_EQ(json::find_string(cohere.get_object(), "response_type"), "embeddings_floats");
  EXPECT_EQ(json::write(*json::find(cohere, "texts")), R"(["x"])");
  auto typed = *json::read(embedded(
      "cohere.embed-v4:0",
      R"({"inputs":[{"content":[{"type":"text","text":"x"}]}],"input_type":"search_document","output_dimension":512,"embedding_types":["int8","ubinary"]})"));
  EXPECT_EQ(json::find_string(typed.get_object(), "response_type"), "embeddings_by_type");
  EXPECT_EQ((*json::at_pointer(typed, "/embeddings/int8/0"))->get_array().size(), 512u);
  EXPECT_EQ((*json::at_pointer(typed, "/embeddings/ubinary/0"))->get_array().size(), 64u);
  EXPECT_EQ(json::write(**json::at_pointer(typed, "/embeddings/ubinary/0/0")), "128");
  auto query = std::get<EmbedRequest>(
      decode("cohere.embed-english-v3",
             R"({"texts":["x"],"input_type":"search_query","truncate":"END"})")
          ->content);
  EXPECT_TRUE(query.query);
  EXPECT_EQ(query.truncate, Truncate::end);
  auto nova = *json::read(embedded(
      "amazon.nova-2-multimodal-embeddings-v1:0",
      R"({"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":"GENERIC_INDEX","embeddingDimension":384,"text":{"value":"x","truncationMode":"END"}}})"));
  EXPECT_EQ((*json::at_pointer(nova, "/embeddings/0/embedding"))->get_array().size(), 384u);
}

TEST(Embedding, WiderKeepsEveryCosineAndNarrowerHasUnitLength) {
  const std::vector<float> a{0.6f, -0.8f, 0.0f}, b{0.0f, 0.6f, 0.8f};
  auto dot = [](const std::vector<float>& x, const std::vector<float>& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sum;
  };
  EXPECT_DOUBLE_EQ(dot(shape_embedding(a, 8), shape_embedding(b, 8)), dot(a, b));
  EXPECT_NEAR(dot(shape_embedding(b, 2), shape_embedding(b, 2)), 1.0, 1e-6);
  EXPECT_EQ(to_int8({1.0f, -1.0f, 0.0f, 0.0f}), (std::vector<std::int8_t>{42, -42, 0, 0}));
  EXPECT_EQ(to_bits({1.0f, -1.0f, 0.5f}), std::vector<std::uint8_t>{0xA0});
}

TEST(Ranking, IsInTheVendorsShape) {
  auto request =
      decode("cohere.rerank-v3-5:0",
             R"({"query":"q","documents":["a",{"text":"b"}],"top_n":1,"api_version":2})");
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<RerankRequest>(request->content).documents,
            (std::vector<std::string>{"a", "b"}));
  Ranking ranking;
  ranking.entries = {{1, 0.5}};
  EXPECT_EQ(json::write(dialect_for("cohere.rerank-v3-5:0")->encode_ranking(ranking, {})),
            R"({"results":[{"index":1,"relevance_score":0.5}]})");
}

}  // namespace
}  // namespace outcrop::models

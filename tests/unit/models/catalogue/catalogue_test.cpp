#include "models/catalogue/catalogue.h"

#include "models/catalogue/reference.h"
#include "models/catalogue/stand_ins.h"

#include <gtest/gtest.h>

namespace outcrop::models {
namespace {

TEST(Catalogue, KnowsWhatApplicationsAskFor) {
  const auto& catalogue = Catalogue::bundled();
  struct Expected {
    const char* id;
    Kind kind;
    int context;
    std::vector<int> dimensions;
  };
  for (const auto& e :
       {Expected{"anthropic.claude-3-haiku-20240307-v1:0", Kind::chat, 200000, {}},
        Expected{"amazon.titan-embed-text-v2:0", Kind::embedding, 8192, {1024, 512, 256}},
        Expected{"amazon.titan-embed-text-v1", Kind::embedding, 8192, {1536}},
        Expected{"meta.llama3-8b-instruct-v1:0", Kind::chat, 8192, {}},
        Expected{"amazon.nova-lite-v1:0", Kind::chat, 300000, {}},
        Expected{"cohere.embed-english-v3", Kind::embedding, 512, {1024}},
        Expected{"cohere.embed-v4:0", Kind::embedding, 128000, {1536, 1024, 512, 256}},
        Expected{"anthropic.claude-sonnet-4-6", Kind::chat, 1000000, {}},
        Expected{"cohere.rerank-v3-5:0", Kind::rerank, 4096, {}},
        Expected{"amazon.nova-canvas-v1:0", Kind::image, 2600, {}},
        Expected{"amazon.nova-reel-v1:0", Kind::video, 0, {}}}) {
    const auto* facts = catalogue.find(e.id);
    ASSERT_TRUE(facts) << e.id;
    EXPECT_EQ(facts->kind, e.kind) << e.id;
    EXPECT_EQ(facts->context_tokens, e.context) << e.id;
    EXPECT_EQ(facts->dimensions, e.dimensions) << e.id;
  }
}

TEST(Catalogue, EveryEntryHoldsTogether) {
  const auto& catalogue = Catalogue::bundled();
  EXPECT_GT(catalogue.all().size(), 150u);
  for (const auto& facts : catalogue.all()) {
    EXPECT_FALSE(facts.name.empty()) << facts.id;
    EXPECT_FALSE(facts.provider.empty()) << facts.id;
    EXPECT_EQ(facts.kind == Kind::embedding, !facts.dimensions.empty()) << facts.id;
    EXPECT_EQ(catalogue.find(facts.id), &facts);
    EXPECT_TRUE(catalogue.known_vendor(facts.vendor())) << facts.id;
    if (facts.prices.input || facts.prices.query) {
      EXPECT_FALSE(facts.prices.source.empty()) << facts.id;
      EXPECT_EQ(facts.prices.date.size(), 10u) << facts.id;
    }
    if (facts.kind == Kind::chat && !facts.legacy) EXPECT_GT(facts.context_tokens, 0) << facts.id;
  }
  EXPECT_FALSE(catalogue.known_vendor("ama"));
  EXPECT_FALSE(catalogue.known_vendor(""));
}

TEST(Catalogue, PricesAreForAMillionTokensAndDifferByProfile) {
  const auto* haiku = Catalogue::bundled().find("anthropic.claude-haiku-4-5-20251001-v1:0");
  ASSERT_TRUE(haiku);
  EXPECT_EQ(haiku->prices_for("").input, 1.0);
  EXPECT_EQ(haiku->prices_for("").cache_read, 0.1);
  EXPECT_EQ(haiku->prices_for("").cache_write_1h, 2.0);
  EXPECT_EQ(haiku->prices_for("us").input, 1.1);
  EXPECT_EQ(haiku->prices_for("nowhere").output, 5.0);
}

TEST(Catalogue, FiltersAsListFoundationModelsDoes) {
  const auto& catalogue = Catalogue::bundled();
  auto anthropic = catalogue.list({.provider = "anthropic"});
  ASSERT_FALSE(anthropic.empty());
  for (const auto* facts : anthropic) EXPECT_EQ(facts->provider, "Anthropic");
  auto embeddings = catalogue.list({.output = "EMBEDDING"});
  ASSERT_FALSE(embeddings.empty());
  for (const auto* facts : embeddings) EXPECT_EQ(facts->kind, Kind::embedding);
  EXPECT_TRUE(catalogue.list({.provider = "nobody"}).empty());
  EXPECT_FALSE(catalogue.list({.customization = "FINE_TUNING"}).empty());
  EXPECT_LT(catalogue.list({.inference = "PROVISIONED"}).size(), catalogue.all().size());
}

TEST(Catalogue, SummariesHaveTheServicesShape) {
  const auto* facts = Catalogue::bundled().find("amazon.titan-embed-text-v2:0");
  EXPECT_EQ(
      json::write(foundation_model_json(*facts, "eu-west-1")),
      R"({"modelArn":"arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-embed-text-v2:0","modelId":"amazon.titan-embed-text-v2:0",)"
      R"("modelName":"Titan Text Embeddings V2","providerName":"Amazon","inputModalities":["TEXT"],"outputModalities":["EMBEDDING"],)"
      R"("responseStreamingSupported":false,"customizationsSupported":[],"inferenceTypesSupported":["ON_DEMAND"],"modelLifecycle":{"status":"ACTIVE"}})");
  const auto* haiku = Catalogue::bundled().find("anthropic.claude-haiku-4-5-20251001-v1:0");
  auto profile = inference_profile_json(*haiku, "us", "us-east-1", "111122223333");
  EXPECT_EQ(json::find_string(profile, "inferenceProfileId"),
            "us.anthropic.claude-haiku-4-5-20251001-v1:0");
  EXPECT_EQ(json::find_string(profile, "inferenceProfileName"), "US Anthropic Claude Haiku 4-5");
}

TEST(ModelReferences, AreTakenApart) {
  using What = ModelReference::What;
  struct Case {
    const char* text;
    What what;
    const char* id;
    const char* profile;
    int context;
  };
  for (const auto& c :
       {Case{"anthropic.claude-3-haiku-20240307-v1:0", What::foundation_model,
             "anthropic.claude-3-haiku-20240307-v1:0", "", 0},
        Case{"anthropic.claude-3-haiku-20240307-v1:0:200k", What::foundation_model,
             "anthropic.claude-3-haiku-20240307-v1:0", "", 200000},
        Case{"amazon.titan-embed-text-v1:2:8k", What::foundation_model,
             "amazon.titan-embed-text-v1", "", 8000},
        Case{"us.anthropic.claude-3-haiku-20240307-v1:0", What::inference_profile,
             "anthropic.claude-3-haiku-20240307-v1:0", "us", 0},
        Case{"us-gov.anthropic.claude-sonnet-5", What::inference_profile,
             "anthropic.claude-sonnet-5", "us-gov", 0},
        Case{"anthropic.claude-not-yet-v9:0", What::foundation_model,
             "anthropic.claude-not-yet-v9:0", "", 0},
        Case{"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
             What::foundation_model, "amazon.nova-lite-v1:0", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:inference-profile/eu.amazon.nova-lite-v1:0",
             What::inference_profile, "amazon.nova-lite-v1:0", "eu", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdefghij12",
             What::application_profile, "abcdefghij12", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abcdefghij12",
             What::provisioned_model, "abcdefghij12", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:imported-model/abcdefghij12",
             What::imported_model, "abcdefghij12", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0/"
             "abcdefghij12",
             What::custom_model, "abcdefghij12", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abcdefghij12",
             What::custom_deployment, "abcdefghij12", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:prompt/ABCDEFGHIJ:3", What::prompt,
             "ABCDEFGHIJ", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/anthropic.claude:1",
             What::default_prompt_router, "anthropic.claude:1", "", 0},
        Case{"arn:aws:bedrock:us-east-1:111122223333:prompt-router/abc123", What::prompt_router,
             "abc123", "", 0},
        Case{"arn:aws:sagemaker:us-east-1:111122223333:endpoint/my-endpoint",
             What::marketplace_endpoint, "my-endpoint", "", 0},
        Case{"smollm2-135m-instruct", What::name, "smollm2-135m-instruct", "", 0},
        Case{"qwen2.5-0.5b", What::name, "qwen2.5-0.5b", "", 0}}) {
    auto reference = parse_model_reference(c.text);
    ASSERT_TRUE(reference) << c.text;
    EXPECT_EQ(reference->what, c.what) << c.text;
    EXPECT_EQ(reference->id, c.id) << c.text;
    EXPECT_EQ(reference->profile, c.profile) << c.text;
    EXPECT_EQ(reference->context_tokens, c.context) << c.text;
  }
}

TEST(ModelReferences, WhatIsNoneIsInvalid) {
  for (const auto* text :
       {"", "a b", "arn:aws:bedrock:us-east-1::foundation-model/",
        "arn:aws:bedrock:us-east-1::foundation-model/us.amazon.nova-lite-v1:0",
        "arn:aws:s3:::bucket/x", "arn:aws:bedrock:us-east-1:1:provisioned-model/short",
        "arn:aws:bedrock:us-east-1:1:prompt/ABCDEFGHIJ:x", "arn:aws", "anthropic.",
        "arn:aws:bedrock:us-east-1::foundation-model/nobody.model"}) {
    auto reference = parse_model_reference(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().message, "The provided model identifier is invalid.");
  }
}

std::vector<LocalModel> models() {
  LocalModel chat{.name = "small",
                  .path = "/m/small.gguf",
                  .kind = Kind::chat,
                  .context_tokens = 8192,
                  .max_output_tokens = 2048};
  LocalModel big{.name = "big",
                 .path = "/m/big.gguf",
                 .kind = Kind::chat,
                 .context_tokens = 32768,
                 .stands_in_for = {"anthropic.*", "meta.llama3-70b-instruct-v1:0"}};
  LocalModel embedding{.name = "minilm",
                       .path = "/m/minilm.gguf",
                       .kind = Kind::embedding,
                       .context_tokens = 512,
                       .dimensions = 384};
  return {chat, big, embedding};
}

TEST(StandIns, AnswerByRulePatternOrDefault) {
  StandInSettings settings;
  settings.rules = {{"amazon.nova-*", "bedrock-eu", ""},
                    {"amazon.nova-lite-v1:0", "local", "small"}};
  auto stand_ins = StandIns::make(settings, models());
  ASSERT_TRUE(stand_ins) << stand_ins.error().message;
  struct Case {
    const char* asked;
    const char* provider;
    const char* target;
    bool stand_in;
    int context;
    int output;
  };
  for (const auto& c :
       {Case{"small", "local", "small", false, 8192, 2048},
        Case{"anthropic.claude-3-haiku-20240307-v1:0", "local", "big", true, 32768, 4096},
        Case{"us.anthropic.claude-3-haiku-20240307-v1:0", "local", "big", true, 32768, 4096},
        Case{"meta.llama3-8b-instruct-v1:0", "local", "small", true, 8192, 2048},
        Case{"meta.llama3-70b-instruct-v1:0", "local", "big", true, 8192, 8192},
        Case{"amazon.nova-lite-v1:0", "local", "small", true, 8192, 2048},
        Case{"eu.amazon.nova-pro-v1:0", "bedrock-eu", "eu.amazon.nova-pro-v1:0", false, 300000,
             10000},
        Case{"amazon.titan-embed-text-v2:0", "local", "minilm", true, 512, 0},
        Case{"mistral.brand-new-v1:0", "local", "small", true, 8192, 2048},
        Case{"cohere.embed-next-v9:0", "local", "minilm", true, 512, 0},
        Case{"anthropic.claude-v2:1:18k", "local", "big", true, 18000, 8191}}) {
    auto binding = stand_ins->resolve(c.asked);
    ASSERT_TRUE(binding) << c.asked << ": " << binding.error().message;
    EXPECT_EQ(binding->provider, c.provider) << c.asked;
    EXPECT_EQ(binding->target, c.target) << c.asked;
    EXPECT_EQ(binding->stand_in, c.stand_in) << c.asked;
    EXPECT_EQ(binding->context_tokens, c.context) << c.asked;
    EXPECT_EQ(binding->max_output_tokens, c.output) << c.asked;
    EXPECT_FALSE(binding->reason.empty());
  }
  EXPECT_EQ(stand_ins->resolve("amazon.titan-embed-text-v2:0")->dimensions,
            (std::vector<int>{1024, 512, 256}));
  EXPECT_EQ(stand_ins->resolve("minilm")->dimensions, std::vector<int>{384});
}

TEST(StandIns, AScriptedModelIsTheDefaultOnlyWhereNothingComputes) {
  LocalModel scripted{.name = "paced", .stands_in_for = {"meta.*"}, .provider = "scripted"};
  LocalModel local{.name = "small"};
  auto both = *StandIns::make({}, {scripted, local});
  EXPECT_EQ(both.resolve("anthropic.claude-3-haiku-20240307-v1:0")->target, "small");
  EXPECT_EQ(both.resolve("meta.llama3-8b-instruct-v1:0")->target, "paced");
  auto alone = *StandIns::make({}, {scripted});
  EXPECT_EQ(alone.resolve("anthropic.claude-3-haiku-20240307-v1:0")->target, "paced");
}

TEST(StandIns, RefuseWithAReason) {
  auto stand_ins = *StandIns::make({}, models());
  EXPECT_EQ(stand_ins.resolve("nobody.model-v1:0").error().message,
            "The provided model identifier is invalid.");
  EXPECT_EQ(stand_ins.resolve("nothing").error().message,
            "The provided model identifier is invalid.");
  EXPECT_EQ(stand_ins.resolve("amazon.nova-canvas-v1:0").error().message,
            "The model amazon.nova-canvas-v1:0 makes images, and no model here can. Bind it to a "
            "provider that serves it.");
  EXPECT_EQ(stand_ins.resolve("amazon.nova-sonic-v1:0").error().code, Code::validation);
  EXPECT_EQ(stand_ins.resolve("cohere.rerank-v3-5:0").error().code, Code::not_found);
  EXPECT_EQ(
      stand_ins.resolve("arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abcdefghij12")
          .error()
          .code,
      Code::not_found);
  StandInSettings off;
  off.enabled = false;
  auto none = *StandIns::make(off, models());
  EXPECT_EQ(none.resolve("amazon.nova-lite-v1:0").error().message,
            "The model amazon.nova-lite-v1:0 is not served here: stand-ins are off, and no "
            "provider is bound to it. Bind it, or set stand_ins to on.");
  EXPECT_TRUE(none.resolve("small"));
}

TEST(StandIns, RefuseSettingsThatNameNothing) {
  StandInSettings settings;
  settings.chat = "absent";
  EXPECT_EQ(StandIns::make(settings, models()).error().message,
            "stand_ins.chat is 'absent', but no model of that name is configured.");
  settings.chat = "minilm";
  EXPECT_EQ(StandIns::make(settings, models()).error().message,
            "stand_ins.chat is 'minilm', which is a embedding model.");
  settings.chat = "";
  settings.rules = {{"a.*", "local", "absent"}};
  EXPECT_FALSE(StandIns::make(settings, models()));
  auto twice = models();
  twice.push_back(twice[0]);
  EXPECT_FALSE(StandIns::make({}, twice));
}

TEST(StandIns, TableNamesEveryFamilyOnce) {
  auto stand_ins = *StandIns::make({}, models());
  const std::string table = stand_ins.table();
  EXPECT_NE(table.find("anthropic   chat"), std::string::npos) << table;
  EXPECT_NE(table.find("local:big stands in (stands in for anthropic.*)"), std::string::npos)
      << table;
  EXPECT_NE(table.find("refused: nothing here makes that"), std::string::npos) << table;
  EXPECT_NE(table.find("refused: no rerank model"), std::string::npos) << table;
}

}  // namespace
}  // namespace outcrop::models

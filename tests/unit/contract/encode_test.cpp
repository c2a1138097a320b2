// Goal: answers, events and errors leave in the form that the service models.

#include "help.h"
#include "wire/event_stream.h"

namespace outcrop::contract {
namespace {

const Contracts& contracts() { return Contracts::bundled(); }

wire::EventMessage only(std::string bytes) {
  auto messages = wire::EventStreamDecoder().feed(bytes);
  if (!messages || messages->size() != 1) throw std::runtime_error("no single message");
  return messages->front();
}

TEST(Encode, StatusAndHeadersComeFromTheModel) {
  auto head = contracts().encode_head(operation("bedrock", "CreateGuardrail"), {});
  EXPECT_EQ(head.status, 202);
  EXPECT_EQ(head.headers.find("content-type"), "application/json");
  auto invoke = contracts().encode_head(
      operation("bedrock-runtime", "InvokeModel"),
      parse(R"({"contentType":"application/json","serviceTier":"flex"})").as_object());
  EXPECT_EQ(invoke.headers.find("content-type"), "application/json");
  EXPECT_EQ(invoke.headers.find("x-amzn-bedrock-service-tier"), "flex");
  auto stream =
      contracts().encode_head(operation("bedrock-runtime", "InvokeModelWithResponseStream"),
                              parse(R"({"contentType":"application/json"})").as_object());
  EXPECT_EQ(stream.headers.find("content-type"), "application/vnd.amazon.eventstream");
  EXPECT_EQ(stream.headers.find("x-amzn-bedrock-content-type"), "application/json");
}

TEST(Encode, HeaderMembersAndNullsLeaveTheBody) {
  EXPECT_EQ(contracts().encode_body(operation("bedrock", "GetGuardrail"),
                                    parse(R"({"name":"n","description":null})").as_object()),
            R"({"name":"n"})");
  EXPECT_EQ(contracts().encode_body(operation("bedrock-runtime", "InvokeModel"),
                                    parse(R"({"body":"e30=","contentType":"x"})").as_object()),
            "{}");
  EXPECT_EQ(contracts().encode_body(operation("bedrock-runtime", "InvokeModel"), {}), "");
  EXPECT_EQ(contracts().encode_body(operation("bedrock-runtime", "ConverseStream"), {}), "");
  EXPECT_EQ(contracts().encode_body(operation("bedrock", "DeleteGuardrail"), {}), "{}");
}

TEST(Encode, AStructureThatIsTheWholeBodyStandsAlone) {
  EXPECT_EQ(contracts().encode_body(operation("bedrock", "ExportAutomatedReasoningPolicyVersion"),
                                    parse(R"({"policyDefinition":{"version":"1"}})").as_object()),
            R"({"version":"1"})");
}

TEST(Encode, EventsAreJsonExceptWhereTheModelSaysBytes) {
  auto delta =
      only(contracts().encode_event(operation("bedrock-runtime", "ConverseStream"),
                                    "contentBlockStop", parse(R"({"contentBlockIndex":0})")));
  EXPECT_EQ(delta.find(":message-type"), "event");
  EXPECT_EQ(delta.find(":event-type"), "contentBlockStop");
  EXPECT_EQ(delta.find(":content-type"), "application/json");
  EXPECT_EQ(delta.payload, R"({"contentBlockIndex":0})");
  auto part = only(
      contracts().encode_event(operation("sagemaker-runtime", "InvokeEndpointWithResponseStream"),
                               "PayloadPart", parse(R"({"Bytes":"YWJj"})")));
  EXPECT_EQ(part.find(":content-type"), "application/octet-stream");
  EXPECT_EQ(part.payload, "abc");
}

TEST(Encode, StreamErrorsUseTheUnionsExceptionOrTheInternalOne) {
  const auto& converse = operation("bedrock-runtime", "ConverseStream");
  Error throttled{.code = Code::throttled, .message = "slow down"};
  EXPECT_TRUE(contracts().models_stream_error(converse, throttled));
  auto known = only(contracts().encode_stream_error(converse, throttled));
  EXPECT_EQ(known.find(":message-type"), "exception");
  EXPECT_EQ(known.find(":exception-type"), "throttlingException");
  EXPECT_EQ(known.payload, R"({"message":"slow down"})");
  Error lost{.code = Code::not_found, .message = "no such model"};
  EXPECT_FALSE(contracts().models_stream_error(converse, lost));
  auto other = only(contracts().encode_stream_error(converse, lost));
  EXPECT_EQ(other.find(":exception-type"), "internalServerException");
  EXPECT_EQ(other.payload, R"({"message":"ResourceNotFoundException: no such model"})");
  Error model{.code = Code::model_stream_error,
              .message = "broke",
              .original_status = 500,
              .original_message = "boom"};
  EXPECT_EQ(only(contracts().encode_stream_error(converse, model)).payload,
            R"({"message":"broke","originalStatusCode":500,"originalMessage":"boom"})");
}

TEST(Encode, SageMakerStreamsHaveTheirOwnExceptions) {
  const auto& invoke = operation("sagemaker-runtime", "InvokeEndpointWithResponseStream");
  auto late = only(contracts().encode_stream_error(
      invoke, Error{.code = Code::model_timeout, .message = "late"}));
  EXPECT_EQ(late.find(":exception-type"), "ModelStreamError");
  EXPECT_EQ(late.payload, R"({"Message":"late","ErrorCode":"ModelInvocationTimeExceeded"})");
  auto ours =
      only(contracts().encode_stream_error(invoke, Error{.code = Code::io, .message = "gone"}));
  EXPECT_EQ(ours.find(":exception-type"), "InternalStreamFailure");
}

struct Told {
  const char* service;
  const char* operation;
  Code code;
  const char* name;
  int status;
};

TEST(Encode, StatusesDifferByService) {
  for (const auto& [service, name, code, exception, status] : {
           Told{"bedrock", "CreateGuardrail", Code::conflict, "ConflictException", 400},
           Told{"bedrock-agent", "CreateAgent", Code::conflict, "ConflictException", 409},
           Told{"bedrock-agent-runtime", "InvokeAgent", Code::conflict, "ConflictException", 409},
           Told{"bedrock", "CreateGuardrail", Code::quota_exceeded, "ServiceQuotaExceededException",
                400},
           Told{"bedrock-agent", "CreateAgent", Code::quota_exceeded,
                "ServiceQuotaExceededException", 402},
           Told{"bedrock-runtime", "Converse", Code::model_not_ready, "ModelNotReadyException",
                429},
           Told{"bedrock-agent-runtime", "InvokeAgent", Code::model_not_ready,
                "ModelNotReadyException", 424},
           Told{"bedrock-runtime", "Converse", Code::model_timeout, "ModelTimeoutException", 408},
           Told{"bedrock-agent-runtime", "InvokeAgent", Code::bad_gateway, "BadGatewayException",
                502},
           Told{"sagemaker-runtime", "InvokeEndpoint", Code::validation, "ValidationError", 400},
           Told{"sagemaker-runtime", "InvokeEndpoint", Code::internal, "InternalFailure", 500},
           Told{"sagemaker-runtime", "InvokeEndpoint", Code::unavailable, "ServiceUnavailable",
                503},
           Told{"sagemaker-runtime", "InvokeEndpoint", Code::model_error, "ModelError", 424},
           Told{"bedrock", "ListGuardrails", Code::conflict, "ConflictException",
                400},  // not of this operation
           Told{"bedrock-agent", "CreateAgent", Code::model_not_ready, "ModelNotReadyException",
                429},  // not of this service
       }) {
    auto [head, body] =
        contracts().encode_error(&operation(service, name), Error{.code = code, .message = "m"});
    EXPECT_EQ(head.status, status) << service << " " << exception;
    EXPECT_EQ(head.headers.find("x-amzn-errortype"), exception);
    EXPECT_EQ(head.headers.find("content-type"), "application/json");
    EXPECT_EQ(body, std::string_view(service) == "sagemaker-runtime" ? R"({"Message":"m"})"
                                                                     : R"({"message":"m"})");
  }
}

TEST(Encode, ErrorsCarryTheMembersTheirShapeHas) {
  Error error{.code = Code::model_error,
              .message = "m",
              .original_status = 503,
              .original_message = "o",
              .resource_name = "r"};
  EXPECT_EQ(contracts().encode_error(&operation("bedrock-runtime", "Converse"), error).second,
            R"({"message":"m","originalStatusCode":503,"resourceName":"r"})");
  EXPECT_EQ(
      contracts().encode_error(&operation("sagemaker-runtime", "InvokeEndpoint"), error).second,
      R"({"Message":"m","OriginalStatusCode":503,"OriginalMessage":"o"})");
  Error fields{.code = Code::validation, .message = "m", .fields = {{"name", "too long"}}};
  EXPECT_EQ(contracts().encode_error(&operation("bedrock-agent", "CreateAgent"), fields).second,
            R"({"message":"m","fieldList":[{"name":"name","message":"too long"}]})");
  EXPECT_EQ(contracts().encode_error(&operation("bedrock", "CreateGuardrail"), fields).second,
            R"({"message":"m"})");
}

TEST(Encode, WithoutAnOperationTheErrorHasItsOwnFacts) {
  auto [head, body] =
      contracts().encode_error(nullptr, Error{.code = Code::unknown_operation, .message = "none"});
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.headers.find("x-amzn-errortype"), "UnknownOperationException");
  EXPECT_EQ(body, R"({"message":"none"})");
}

TEST(Encode, AnOperationWithoutAHandlerSaysSo) {
  const auto& missing = operation("bedrock", "CreatePromptRouter");
  auto [head, body] = contracts().encode_error(&missing, not_implemented(missing));
  EXPECT_EQ(head.status, 501);
  EXPECT_EQ(head.headers.find("x-amzn-errortype"), "NotImplementedException");
  EXPECT_NE(body.find("bedrock.CreatePromptRouter"), std::string::npos);
}

TEST(CheckOutput, NamesTheMemberThatTheModelForbids) {
  const auto& converse = operation("bedrock-runtime", "Converse");
  auto good = parse(
      R"({"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":5}})");
  EXPECT_TRUE(contracts().check_output(converse, good.as_object()));
  good.as_object()["stopReason"] = "tired";
  auto bad = contracts().check_output(converse, good.as_object());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::internal);
  EXPECT_NE(bad.error().message.find("'stopReason'"), std::string::npos);
  EXPECT_FALSE(contracts().check_output(converse, {}));
}

TEST(CheckEvent, NamesTheEventAndItsMember) {
  const auto& stream = operation("bedrock-runtime", "ConverseStream");
  EXPECT_TRUE(contracts().check_event(stream, "messageStart", parse(R"({"role":"assistant"})")));
  auto bad = contracts().check_event(stream, "messageStart", parse(R"({"role":1})"));
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("'messageStart.role'"), std::string::npos);
  EXPECT_FALSE(contracts().check_event(stream, "novel", parse("{}")));
  EXPECT_FALSE(contracts().check_event(operation("bedrock-runtime", "Converse"), "messageStart",
                                       parse("{}")));
}

}  // namespace
}  // namespace outcrop::contract

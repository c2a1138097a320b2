"""Goal: the catalogue through boto3 and the AWS CLI: filters, details, lifecycle."""
import botocore.exceptions
import pytest


@pytest.mark.operation("bedrock.ListFoundationModels")
def test_the_published_models_are_listed(boto):
    models = {m["modelId"]: m for m in boto("bedrock").list_foundation_models()["modelSummaries"]}
    for wanted in ("anthropic.claude-3-haiku-20240307-v1:0", "amazon.titan-embed-text-v2:0", "meta.llama3-8b-instruct-v1:0",
                   "amazon.nova-lite-v1:0", "cohere.embed-english-v3", "mistral.mistral-7b-instruct-v0:2"):
        assert wanted in models
        assert models[wanted]["modelArn"] == f"arn:aws:bedrock:us-east-1::foundation-model/{wanted}"
        assert models[wanted]["modelLifecycle"]["status"] in ("ACTIVE", "LEGACY")


@pytest.mark.operation("bedrock.ListFoundationModels")
@pytest.mark.parametrize("filters,check", [
    ({"byProvider": "Anthropic"}, lambda m: m["providerName"] == "Anthropic"),
    ({"byOutputModality": "EMBEDDING"}, lambda m: "EMBEDDING" in m["outputModalities"]),
    ({"byInferenceType": "PROVISIONED"}, lambda m: "PROVISIONED" in m["inferenceTypesSupported"]),
])
def test_filters_hold(boto, filters, check):
    everything = boto("bedrock").list_foundation_models()["modelSummaries"]
    found = boto("bedrock").list_foundation_models(**filters)["modelSummaries"]
    assert found == [m for m in everything if check(m)]
    assert 0 < len(found) < len(everything)


@pytest.mark.operation("bedrock.ListFoundationModels")
def test_an_unknown_filter_value_is_refused(boto):
    with pytest.raises(botocore.exceptions.ClientError, match="enum value set"):
        boto("bedrock").list_foundation_models(byOutputModality="SMELL")


@pytest.mark.operation("bedrock.GetFoundationModel")
@pytest.mark.parametrize("name", ["amazon.titan-embed-text-v2:0", "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"])
def test_details_of_one_model(boto, name):
    details = boto("bedrock").get_foundation_model(modelIdentifier=name)["modelDetails"]
    assert details["modelId"] == "amazon.titan-embed-text-v2:0"
    assert details["outputModalities"] == ["EMBEDDING"]


@pytest.mark.operation("bedrock.GetFoundationModel")
def test_a_model_that_does_not_exist_is_not_found(boto):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto("bedrock").get_foundation_model(modelIdentifier="nobody.made-this-v1:0")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.operation("bedrock.ListFoundationModels")
def test_the_region_of_the_client_is_in_the_arns(boto):
    models = boto("bedrock", region_name="eu-north-1").list_foundation_models()["modelSummaries"]
    assert models and all(m["modelArn"].startswith("arn:aws:bedrock:eu-north-1::") for m in models)


@pytest.mark.operation("bedrock.ListFoundationModels")
def test_the_command_line_of_aws_lists_them(aws):
    assert aws("bedrock", "list-foundation-models", "--by-provider", "Amazon")["modelSummaries"]

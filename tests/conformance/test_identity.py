"""Goal: every door of identity, and the documented error for each failure."""
import datetime
import json

import botocore.exceptions
import pytest
from passages import user

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
SHORT = {"maxTokens": 2, "temperature": 0.0}


def code_of(call):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def test_no_signature(outcrop):
    answer = outcrop.call("GET", "/foundation-models", signed=False)
    assert answer.status == 403
    assert answer.headers["x-amzn-errortype"].split(":")[0] == "MissingAuthenticationTokenException"
    assert json.loads(answer.body)["message"] == "Missing Authentication Token"


def test_an_unknown_key(boto):
    client = boto("bedrock", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    assert code_of(client.list_foundation_models) == (
        "UnrecognizedClientException", 403, "The security token included in the request is invalid.")


def test_a_wrong_secret(boto):
    code, status, message = code_of(boto("bedrock", aws_secret_access_key="wrong" * 8).list_foundation_models)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


def test_a_clock_that_is_wrong(boto, monkeypatch):
    import botocore.auth
    real = botocore.auth.get_current_datetime if hasattr(botocore.auth, "get_current_datetime") else None
    if real is None:
        import botocore.compat
        real = botocore.compat.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime",
                        lambda *a, **k: real(*a, **k) - datetime.timedelta(minutes=6))
    code, status, message = code_of(boto("bedrock").list_foundation_models)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("Signature expired:")


def test_a_session_token_nobody_gave(boto):
    code, status, _ = code_of(boto("bedrock", aws_session_token="made up").list_foundation_models)
    assert (code, status) == ("UnrecognizedClientException", 403)


def test_a_malformed_header(outcrop):
    answer = outcrop.call("GET", "/foundation-models", signed=False, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"].split(":")[0].startswith("IncompleteSignature")


def outcrop_cli(outcrop, *arguments):
    import subprocess
    done = subprocess.run([str(outcrop.binary), *arguments, "--data", str(outcrop.data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_key_lives_from_create_to_revoke(boto, outcrop):
    made = json.loads(outcrop_cli(outcrop, "keys", "create", "conformance", "--json"))
    client = boto("bedrock", aws_access_key_id=made["id"], aws_secret_access_key=made["secret"])
    assert client.list_foundation_models()["modelSummaries"]
    listed = json.loads(outcrop_cli(outcrop, "keys", "list", "--json"))
    assert made["id"] in json.dumps(listed) and made["secret"] not in json.dumps(listed)
    outcrop_cli(outcrop, "keys", "revoke", made["id"])
    assert code_of(client.list_foundation_models)[0] == "UnrecognizedClientException"


def test_a_long_term_bedrock_api_key(boto, server, monkeypatch):
    secure = server(tls=True)  # boto3 sends a bearer key over TLS alone
    made = json.loads(outcrop_cli(secure, "keys", "create", "bearer", "--api-key", "--json"))
    answer = secure.call("GET", "/foundation-models", signed=False, headers={"Authorization": "Bearer " + made["secret"]})
    assert answer.status == 200
    assert secure.call("GET", "/foundation-models", signed=False, headers={"x-api-key": made["secret"]}).status == 200
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", made["secret"])

    def converse():
        client = boto("bedrock-runtime", of=secure, aws_access_key_id=None, aws_secret_access_key=None)
        return client.converse(modelId=CLAUDE, messages=[user("Say hello.")], inferenceConfig=SHORT)

    assert converse()["output"]
    outcrop_cli(secure, "keys", "revoke", made["id"])
    assert code_of(converse)[:2] == ("AccessDeniedException", 403)


def test_a_short_term_bedrock_api_key(outcrop):
    import base64

    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    credentials = botocore.credentials.Credentials(outcrop.env["AWS_ACCESS_KEY_ID"], outcrop.env["AWS_SECRET_ACCESS_KEY"])
    request = botocore.awsrequest.AWSRequest(method="POST", url="https://bedrock.amazonaws.com/", params={"Action": "CallWithBearerToken"},
                                             headers={"host": "bedrock.amazonaws.com"})
    botocore.auth.SigV4QueryAuth(credentials, "bedrock", "us-east-1", expires=43200).add_auth(request)
    token = "bedrock-api-key-" + base64.b64encode((request.url.replace("https://", "") + "&Version=1").encode()).decode()
    assert outcrop.call("GET", "/foundation-models", signed=False, headers={"Authorization": "Bearer " + token}).status == 200
    assert outcrop.call("GET", "/foundation-models", signed=False, headers={"Authorization": "Bearer " + token[:-8]}).status == 403


def test_a_service_that_is_not_here_is_refused_in_its_own_protocol(boto, outcrop):
    for service, call in (("dynamodb", "list_tables"), ("sqs", "list_queues"), ("sns", "list_topics"), ("s3", "list_buckets")):
        client = boto(service)
        code, _, message = code_of(getattr(client, call))
        assert code == "UnknownService", service
        assert "Outcrop" in message and "AWS_ENDPOINT_URL" in message


def test_an_operation_that_is_not_built_says_so(boto):
    code, status, message = code_of(boto("bedrock").list_provisioned_model_throughputs)
    assert (code, status) == ("NotImplementedException", 501)
    assert "ListProvisionedModelThroughputs" in message


def test_an_unknown_route(outcrop):
    answer = outcrop.call("GET", "/no/such/operation")
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"].split(":")[0] == "UnknownOperationException"

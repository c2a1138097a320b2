#!/usr/bin/env python3
"""Makes src/identity/foreign_service_table.cpp: every AWS signing name, what people call the service, and
the protocol in which its clients read errors. Facts from botocore's service models.

usage: foreign_services.py > src/identity/foreign_service_table.cpp      (needs botocore, e.g. pip install boto3)
"""
import botocore
import botocore.loaders

PROTOCOLS = {"json1.0": "json_1_0", "json1.1": "json_1_1", "query": "query", "ec2": "ec2",
             "rest-json": "rest_json", "rest-xml": "rest_xml", "smithy-rpc-v2-cbor": "cbor"}
# Where the model's id is not what people say.
SAID = {"ssm": "Systems Manager", "logs": "CloudWatch Logs", "events": "EventBridge", "monitoring": "CloudWatch",
        "states": "Step Functions", "elasticloadbalancing": "Elastic Load Balancing", "es": "OpenSearch Service",
        "secretsmanager": "Secrets Manager", "execute-api": "API Gateway", "ses": "SES", "kinesis": "Kinesis",
        "cognito-idp": "Cognito", "application-autoscaling": "Application Auto Scaling", "aoss": "OpenSearch Serverless"}
# One signing name, several models: the one that gives the name its meaning.
PREFERRED = {"s3": "s3", "rds": "rds", "ses": "ses", "execute-api": "apigatewayv2", "sagemaker": "sagemaker",
             "lex": "lexv2-runtime", "es": "opensearch", "iotdata": "iot-data", "wisdom": "wisdom"}


def main():
    loader = botocore.loaders.Loader()
    found = {}
    for service in loader.list_available_services("service-2"):
        meta = loader.load_service_model(service, "service-2")["metadata"]
        name = meta.get("signingName") or meta["endpointPrefix"]
        protocol = meta["protocol"]
        if protocol == "json":
            protocol = "json" + meta.get("jsonVersion", "1.1")
        if protocol not in PROTOCOLS:
            raise SystemExit(f"{service}: unknown protocol {protocol}")
        better = service == PREFERRED.get(name) or (name not in found and PREFERRED.get(name) is None)
        if name not in found or better:
            found[name] = (SAID.get(name, meta["serviceId"]), PROTOCOLS[protocol])
    print(f"// Made by tools/foreign_services.py from the service models of botocore {botocore.__version__}; see NOTICE.")
    print('#include "identity/foreign_service_table.h"\n')
    print("namespace outcrop::identity {\nnamespace {\n\nusing enum ErrorProtocol;\n// clang-format off")
    print("constexpr KnownService table[] = {")
    for name in sorted(found):
        print(f'    {{"{name}", "{found[name][0]}", {found[name][1]}}},')
    print("};\n// clang-format on\n\n}  // namespace\n")
    print("std::span<const KnownService> known_services() { return table; }\n\n}  // namespace outcrop::identity")


if __name__ == "__main__":
    main()

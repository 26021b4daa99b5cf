"""boto3: eight services, in their four protocols."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    kinds = {
        "dynamodb": Answer.json({}),
        "secretsmanager": Answer.json({}),
        "email": Answer.json({}),
        "lambda": Answer.json({}),
    }
    host = request.host.split(".")[0]
    action = re.search(rb"Action=(\w+)", request.body)
    result = action[1] + b"Result" if action else b"r"
    text = b"<a><" + result + b"/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></a>"
    return kinds.get(host, Answer(text, "text/xml"))


def namespace() -> Mapping[str, Any]:
    import boto3
    from botocore.config import Config

    session = boto3.Session("AKIAPLACEHOLDER00000", "placeholder", region_name="eu-central-1")
    config = Config(retries={"max_attempts": 1})
    names = ("s3", "ec2", "iam", "lambda", "dynamodb", "sesv2", "sts", "secretsmanager")
    return {name.replace("lambda", "functions"): session.client(name, config=config) for name in names}


SUITE = Suite(
    name="aws",
    client="boto3",
    version=lambda: version("boto3"),
    hosts=(
        "acme-data.s3.eu-central-1.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "ec2.eu-central-1.amazonaws.com",
        "iam.amazonaws.com",
        "lambda.eu-central-1.amazonaws.com",
        "dynamodb.eu-central-1.amazonaws.com",
        "email.eu-central-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
        "secretsmanager.eu-central-1.amazonaws.com",
    ),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            's3.list_objects_v2(Bucket="acme-data", Prefix="logs/", MaxKeys=5)',
            "aws_s3_list_objects_v2",
            {"Bucket": "acme-data", "prefix": "logs/"},
        ),
        case(
            's3.get_object(Bucket="acme-data", Key="logs/a b.txt")',
            "aws_s3_get_object",
            {"Bucket": "acme-data", "Key": "logs/a b.txt"},
        ),
        case(
            's3.put_object(Bucket="acme-data", Key="a.txt", Body=b"hi")',
            "aws_s3_put_object",
            {"Key": "a.txt"},
        ),
        case(
            's3.put_object(Bucket="acme-data", Key="a.txt", Body=b"hi", ACL="public-read")',
            "aws_s3_put_object",
            {"x_amz_acl": "public-read"},
        ),
        case(
            's3.copy_object(Bucket="acme-data", Key="b.txt", CopySource="other/a.txt")',
            "aws_s3_put_object",
            {"Key": "b.txt", "x_amz_copy_source": "other/a.txt"},
        ),
        case(
            's3.delete_object(Bucket="acme-data", Key="a.txt")',
            "aws_s3_delete_object",
            {"Key": "a.txt"},
        ),
        case(
            's3.delete_objects(Bucket="acme-data", Delete={"Objects": [{"Key": "a"}]})',
            "aws_s3_delete_objects",
            {"Bucket": "acme-data"},
        ),
        case(
            's3.delete_bucket(Bucket="acme-data")',
            "aws_s3_delete_bucket",
            {"Bucket": "acme-data"},
        ),
        case(
            's3.delete_bucket_policy(Bucket="acme-data")',
            "aws_s3_delete_bucket_policy",
            {},
        ),
        case(
            's3.put_bucket_policy(Bucket="acme-data", Policy="{}")',
            "aws_s3_put_bucket_policy",
            {},
        ),
        case(
            "s3.list_buckets()",
            "aws_s3_path_list_buckets",
            {},
        ),
        case(
            'ec2.describe_instances(InstanceIds=["i-1"])',
            "aws_ec2_describe_instances",
            {},
        ),
        case(
            'ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, InstanceType="t3.micro")',
            "aws_ec2_run_instances",
            {"ImageId": "ami-1"},
        ),
        case(
            'ec2.terminate_instances(InstanceIds=["i-1", "i-2"])',
            "aws_ec2_terminate_instances",
            {},
        ),
        case(
            'ec2.stop_instances(InstanceIds=["i-1"])',
            "aws_ec2_stop_instances",
            {},
        ),
        case(
            'ec2.delete_volume(VolumeId="vol-1")',
            "aws_ec2_delete_volume",
            {"VolumeId": "vol-1"},
        ),
        case(
            'ec2.delete_security_group(GroupId="sg-1")',
            "aws_ec2_delete_security_group",
            {"GroupId": "sg-1"},
        ),
        case(
            "iam.list_users()",
            "aws_iam_list_users",
            {},
        ),
        case(
            'iam.create_user(UserName="bob")',
            "aws_iam_create_user",
            {"UserName": "bob"},
        ),
        case(
            'iam.create_access_key(UserName="bob")',
            "aws_iam_create_access_key",
            {"UserName": "bob"},
        ),
        case(
            'iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")',
            "aws_iam_attach_user_policy",
            {"UserName": "bob"},
        ),
        case(
            'iam.delete_user(UserName="bob")',
            "aws_iam_delete_user",
            {"UserName": "bob"},
        ),
        case(
            "functions.list_functions()",
            "aws_lambda_list_functions",
            {},
        ),
        case(
            'functions.invoke(FunctionName="f", Payload=b"{}")',
            "aws_lambda_invoke",
            {"FunctionName": "f"},
        ),
        case(
            'functions.delete_function(FunctionName="f")',
            "aws_lambda_delete_function",
            {"FunctionName": "f"},
        ),
        case(
            'dynamodb.get_item(TableName="t", Key={"id": {"S": "1"}})',
            "aws_dynamodb_get_item",
            {"TableName": "t"},
        ),
        case(
            'dynamodb.put_item(TableName="t", Item={"id": {"S": "1"}})',
            "aws_dynamodb_put_item",
            {"TableName": "t"},
        ),
        case(
            'dynamodb.query(TableName="t", KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": {"S": "1"}})',
            "aws_dynamodb_query",
            {"TableName": "t"},
        ),
        case(
            'dynamodb.delete_table(TableName="t")',
            "aws_dynamodb_delete_table",
            {"TableName": "t"},
        ),
        case(
            'sesv2.send_email(FromEmailAddress="a@example.com", Destination={"ToAddresses": ["b@example.com"]}, Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "b"}}}})',
            "aws_ses_send_email",
            {"FromEmailAddress": "a@example.com"},
        ),
        case(
            'sesv2.delete_email_identity(EmailIdentity="example.com")',
            "aws_ses_delete_email_identity",
            {},
        ),
        case(
            "sts.get_caller_identity()",
            "aws_sts_get_caller_identity",
            {},
        ),
        case(
            'sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="deploy")',
            "aws_sts_assume_role",
            {"RoleSessionName": "deploy"},
        ),
        case(
            'secretsmanager.get_secret_value(SecretId="s")',
            "aws_secretsmanager_get_secret_value",
            {"SecretId": "s"},
        ),
        case(
            'secretsmanager.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)',
            "aws_secretsmanager_delete_secret",
            {"SecretId": "s"},
        ),
    ),
)

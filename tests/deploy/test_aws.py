"""The whole command against an AWS of the tests' own, and its last step against a server that runs here."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.stub import Stubber  # type: ignore[import-untyped]

from deploy.aws import image
from deploy.aws.deploy import main, newest
from deploy.aws.smoke import Smoke
from deploy.aws.stacks import ORDER, Stacks, Trouble
from server.core.access import Role

from ..support.access import token_for
from ..support.aws import FakeAws, builder, fake_aws
from ..support.server import Client, serving

DOMAIN = "vigie.example.org"

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning", "ignore::DeprecationWarning")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAws]:
    """An AWS with nothing in it."""
    with fake_aws(monkeypatch, tmp_path) as made:
        yield made


def run(*arguments: str) -> int:
    """The command; nothing is waited for that is there at once."""
    return main(arguments, wait_s=0)


def wishes(aws: FakeAws) -> tuple[str, ...]:
    """What has to be given once, with a certificate that is there."""
    certificate = aws.client("acm").request_certificate(DomainName=DOMAIN)["CertificateArn"]
    edge = "arn:aws:acm:us-east-1:123456789012:certificate/edge"
    return ("--tag", "v1", "--domain", DOMAIN, "--certificate", certificate, "--edge-certificate", edge)


def stacks(aws: FakeAws) -> set[str]:
    """The stacks that are there."""
    return {stack["StackName"] for stack in aws.client("cloudformation").describe_stacks()["Stacks"]}


def output(aws: FakeAws, stack: str, name: str) -> str:
    """What a stack tells."""
    (found,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return next(str(entry["OutputValue"]) for entry in found["Outputs"] if entry["OutputKey"] == name)


def test_from_nothing_to_fargate_and_back(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes, given_once = builder(tmp_path, monkeypatch), wishes(aws)

    assert run("plan", *given_once) == 0
    planned = capsys.readouterr().out
    assert all(f"vigie-{kind}: " in planned for kind in ORDER["fargate"])
    assert "Add    Task (AWS::ECS::TaskDefinition)" in planned
    assert stacks(aws) == set(), "plan changes nothing"

    assert run("apply", *given_once) == 1
    assert "Run push first" in capsys.readouterr().err

    assert run("push", "--tag", "v1", "--tool", "docker") == 0
    commands = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [command[0] for command in commands] == ["build", "login", "push"]
    assert "AWS" in commands[1]
    assert commands[1][-1], "the password comes by standard input"
    assert commands[1][-1] not in commands[1][:-1]
    assert run("push", "--tag", "v1", "--tool", "docker") == 0
    assert len(notes.read_text().splitlines()) == 3, "a tag that is there is not built again"
    bucket = output(aws, "vigie-artifacts", "FrontBucket")
    page = aws.client("s3").get_object(Bucket=bucket, Key="index.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["CacheControl"] == "no-cache"

    assert run("apply", *given_once) == 0
    assert stacks(aws) == {f"vigie-{kind}" for kind in ORDER["fargate"]}
    told = capsys.readouterr().out
    assert "https://vigie.example.org has to lead to d111111abcdef8.cloudfront.net" in told
    assert "The link for the first admin was shown before." in told
    ecs = aws.client("ecs")
    (service,) = ecs.describe_services(
        cluster=output(aws, "vigie-service", "Cluster"), services=[output(aws, "vigie-service", "Service")]
    )["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = task["containerDefinitions"][0]
    assert container["image"].endswith(".amazonaws.com/vigie:v1")
    given = {entry["name"]: entry["value"] for entry in container["environment"]}
    assert given["VIGIE_PUBLIC_URL"] == "https://vigie.example.org"
    assert json.loads(given["VIGIE_ACCESS__PROXIES"]) == ["10.60.0.0/24", "10.60.1.0/24"]
    assert given["VIGIE_EVIDENCE__URL"] == f"s3://{output(aws, 'vigie-data', 'EvidenceBucket')}/evidence"
    assert all(entry["valueFrom"].startswith("arn:aws:secretsmanager:") for entry in container["secrets"])

    assert run("plan", "--tag", "v1") == 0, "what was given once is kept"
    assert "Add" not in capsys.readouterr().out
    assert run("push", "--tag", "v2", "--tool", "docker") == 0
    assert "forgets the old page" in capsys.readouterr().out

    log = aws.client("logs")
    group = output(aws, "vigie-service", "LogGroup")
    log.create_log_stream(logGroupName=group, logStreamName="vigie/vigie/1")
    line = "Vigie is ready: https://vigie.example.org/#token=vigie_abc"
    event = {"timestamp": int(1000 * time.time()), "message": line}
    log.put_log_events(logGroupName=group, logStreamName="vigie/vigie/1", logEvents=[event])
    assert run("apply", "--tag", "v2") == 0
    assert "vigie_abc" in capsys.readouterr().out
    (changed,) = aws.client("cloudformation").describe_stacks(StackName="vigie-service")["Stacks"]
    values = {entry["ParameterKey"]: entry["ParameterValue"] for entry in changed["Parameters"]}
    assert values["Image"].endswith("/vigie:v2")
    assert values["Domain"] == DOMAIN, "what was given once is kept"

    assert run("destroy") == 1
    assert "--yes vigie" in capsys.readouterr().err
    assert run("destroy", "--yes", "vigie") == 0
    assert stacks(aws) == {"vigie-artifacts", "vigie-network", "vigie-data"}
    aws.drop_what_stacks_leave()
    assert run("destroy", "--data", "--yes", "vigie") == 0
    assert stacks(aws) == set()
    assert "The evidence is still in s3://" in capsys.readouterr().out


def test_the_alternative_gets_its_bundle(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builder(tmp_path, monkeypatch)
    assert run("push", "--on", "beanstalk", "--tag", "v1", "--tool", "docker") == 0
    assert run("apply", "--on", "beanstalk", "--tag", "v1") == 0
    assert stacks(aws) == {f"vigie-{kind}" for kind in ORDER["beanstalk"]}
    found = aws.client("s3").get_object(Bucket=output(aws, "vigie-artifacts", "BundleBucket"), Key="vigie-v1.zip")
    with zipfile.ZipFile(io.BytesIO(found["Body"].read())) as archive:
        assert "dkr.ecr.eu-west-3.amazonaws.com/vigie:v1" in archive.read("docker-compose.yml").decode()
        hook = archive.getinfo(".platform/hooks/prebuild/10-registry.sh")
    assert hook.external_attr >> 16 & 0o111, "a hook has to be executable"


def test_what_is_missing_is_named(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--tag", "v1") == 1
    assert "Give --domain, --certificate, --edge-certificate." in capsys.readouterr().err


@pytest.mark.parametrize(("exit", "loses", "words"), [(1, False, "`docker build` failed"), (0, True, "does not have")])
def test_an_image_that_does_not_arrive_is_told(
    aws: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    exit: int,
    loses: bool,
    words: str,
) -> None:
    builder(tmp_path, monkeypatch, exit, loses)
    assert run("push", "--tag", "v1", "--tool", "docker") == 1
    assert words in capsys.readouterr().err


def test_an_old_file_of_the_page_goes(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builder(tmp_path, monkeypatch)
    assert run("push", "--tag", "v1", "--tool", "docker") == 0
    bucket = output(aws, "vigie-artifacts", "FrontBucket")
    aws.client("s3").put_object(Bucket=bucket, Key="old.js", Body=b"")
    assert run("push", "--tag", "v1", "--tool", "docker") == 0
    keys = {entry["Key"] for entry in aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]}
    assert "old.js" not in keys
    assert {"index.html", "config.js", "app.js"} <= keys


def test_a_checkout_with_changes_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(image, "ROOT", tmp_path)
    with pytest.raises(Trouble, match="--tag"):
        image.tag_of_checkout()


NAME = "arn:aws:cloudformation:eu-west-3:123456789012:stack/vigie-artifacts/1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def cloudformation() -> Iterator[Stubber]:
    """CloudFormation that answers what a test says, each in the form of the real one."""
    client = boto3.client("cloudformation", "eu-west-3", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def stack(status: str) -> dict[str, Any]:
    """An answer about a stack."""
    one = {"StackId": NAME, "StackName": "vigie-artifacts", "CreationTime": NOW, "StackStatus": status}
    return {"Stacks": [one]}


def event(resource: str, status: str, reason: str = "") -> dict[str, Any]:
    """What happened to a resource; ``stack``: to the stack itself."""
    return {
        "StackId": NAME,
        "EventId": "1",
        "StackName": "vigie-artifacts",
        "Timestamp": NOW,
        "LogicalResourceId": resource,
        "PhysicalResourceId": NAME if resource == "stack" else resource,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def test_a_stack_that_fails_says_what_failed_first_this_time(cloudformation: Stubber) -> None:
    cloudformation.add_response("describe_stacks", stack("UPDATE_ROLLBACK_COMPLETE"))
    cloudformation.add_response("update_stack", {"StackId": NAME})
    cloudformation.add_response("describe_stacks", stack("UPDATE_ROLLBACK_COMPLETE"))
    events = [
        event("FrontBucket", "CREATE_FAILED", "Resource creation cancelled"),
        event("Repository", "UPDATE_FAILED", "No such policy"),
        event("stack", "UPDATE_IN_PROGRESS"),
        event("BundleBucket", "CREATE_FAILED", "Long ago"),
    ]
    cloudformation.add_response("describe_stack_events", {"StackEvents": events})
    made = Stacks(cloudformation.client, "vigie", {}, lambda _: None, 0)
    with pytest.raises(Trouble, match="vigie-artifacts failed: Repository: No such policy"):
        made.apply("artifacts")


def test_a_stack_whose_first_try_failed_is_made_anew(cloudformation: Stubber) -> None:
    for _ in range(2):
        cloudformation.add_response("describe_stacks", stack("ROLLBACK_COMPLETE"))
    cloudformation.add_response("delete_stack", {})
    cloudformation.add_response("describe_stacks", stack("DELETE_COMPLETE"))
    cloudformation.add_response("create_stack", {"StackId": NAME})
    for _ in range(2):
        cloudformation.add_response("describe_stacks", stack("CREATE_COMPLETE"))
    Stacks(cloudformation.client, "vigie", {}, lambda _: None, 0).apply("artifacts")


def test_a_change_set_is_told(cloudformation: Stubber) -> None:
    change = {"LogicalResourceId": "Task", "ResourceType": "AWS::ECS::TaskDefinition", "Action": "Modify"}
    found = {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": {**change, "Replacement": "True"}}]}
    cloudformation.add_response("describe_stacks", stack("CREATE_COMPLETE"))
    cloudformation.add_response("create_change_set", {"Id": NAME})
    for _ in range(2):
        cloudformation.add_response("describe_change_set", found)
    cloudformation.add_response("delete_change_set", {})
    (told,) = Stacks(cloudformation.client, "vigie", {}, lambda _: None, 0).plan("artifacts")
    assert str(told) == "Modify Task (AWS::ECS::TaskDefinition), replaced"


@pytest.mark.parametrize(
    ("reason", "wrong"), [("The submitted information didn't contain changes.", False), ("Access denied", True)]
)
def test_a_change_set_without_changes_is_none(cloudformation: Stubber, reason: str, wrong: bool) -> None:
    cloudformation.add_response("describe_stacks", stack("CREATE_COMPLETE"))
    cloudformation.add_response("create_change_set", {"Id": NAME})
    cloudformation.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    cloudformation.add_response("delete_change_set", {})
    made = Stacks(cloudformation.client, "vigie", {}, lambda _: None, 0)
    if wrong:
        with pytest.raises(Trouble, match=reason):
            made.plan("artifacts")
    else:
        assert made.plan("artifacts") == []


def test_the_newest_platform_is_taken() -> None:
    offered = [
        "64bit Amazon Linux 2 v5.0.0 running Docker",
        "64bit Amazon Linux 2023 v4.9.3 running Docker",
        "64bit Amazon Linux 2023 v4.10.1 running Docker",
        "64bit Amazon Linux 2023 v9.0.0 running ECS",
    ]
    assert newest(offered) == "64bit Amazon Linux 2023 v4.10.1 running Docker"


async def test_smoke_of_a_server_that_runs(client: Client) -> None:
    told: list[str] = []
    assert await Smoke(client.server.url, None).run(told.append), told
    assert [line.split()[0] for line in told] == ["healthz", "readyz", "page", "picture", "websocket"]
    assert not [line for line in told if "FAILED" in line]
    assert (await client.get("/api/v1/events")).json()["events"] == [], "an event could be an alarm"


async def test_smoke_of_a_server_that_asks_for_a_token(data_dir: Path) -> None:
    strict: dict[str, Any] = {"tls": "self-made", "access": {"local": False}}
    async with serving(data_dir, **strict) as server:
        told: list[str] = []
        assert not await Smoke(server.url, None, own_certificate=True).run(told.append)
        assert [line.split()[0] for line in told if "VIGIE_TOKEN" in line] == ["readyz", "picture", "websocket"]
        token = await token_for(server, role=Role.VIEWER)
        told.clear()
        assert await Smoke(server.url, token, own_certificate=True).run(told.append), told
        assert not await Smoke(server.url, token).run(lambda _: None), "a certificate nobody knows is not believed"


async def test_smoke_says_what_failed() -> None:
    app = web.Application()
    async with TestServer(app, host="127.0.0.1") as nothing:
        told: list[str] = []
        assert not await Smoke(f"http://127.0.0.1:{nothing.port}", None).run(told.append)
        assert len([line for line in told if "FAILED" in line]) == 5

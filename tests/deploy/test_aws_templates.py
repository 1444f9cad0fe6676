"""What the templates say: to cfn-lint, about rights, and about this server."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
import yaml
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

from deploy.aws.stacks import ORDER, outputs_of
from deploy.aws.template import FOLDER, TASK, load, text_of
from server.config import Settings, load_settings
from server.edge.http import PAGE_HEADERS
from server.edge.permits import PERMITS

ROOT = Path(__file__).parents[2]
KINDS = sorted(path.stem for path in FOLDER.glob("*.yaml"))

NO_NARROWER = {"ecr:GetAuthorizationToken"}
"""Actions that AWS grants for everything or not at all (Service Authorization Reference)."""

NOT_PUBLISHED = {"/metrics", "/{path}"}
"""Behind a balancer each request for figures would meet another task; the page comes from the bucket."""


def test_cfn_lint_agrees(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / f"{kind}.json").write_text(text_of(kind))
    files = [str(path) for path in tmp_path.iterdir()]
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "eu-west-3", "us-east-1", "--", *files]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stdout + run.stderr


def test_all_templates_belong_to_a_way() -> None:
    assert {kind for way in ORDER.values() for kind in way} == set(KINDS)
    assert all(len(text_of(kind)) < 51_200 for kind in KINDS), "more CloudFormation does not take in a request"


@pytest.mark.parametrize("way", ORDER)
def test_each_output_has_one_meaning(way: str) -> None:
    told = [name for kind in ORDER[way] for name in load(kind).get("Outputs", ())]
    assert len(told) == len(set(told)), "outputs are handed on by name"


def statements(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All statements of policies of a template, each with the resource it is of."""
    for name, resource in load(kind)["Resources"].items():
        found = [resource.get("Properties", {})]
        while found:
            value = found.pop()
            if isinstance(value, dict):
                if "Statement" in value:
                    yield from ((name, statement) for statement in value["Statement"])
                found.extend(value.values())
            elif isinstance(value, list):
                found.extend(value)


def allowed(statement: dict[str, Any], key: str) -> list[Any]:
    """The actions, resources or principals of a statement."""
    value = statement.get(key, [])
    return value if isinstance(value, list) else [value]


def wide(statement: dict[str, Any]) -> list[str]:
    """What a statement allows that is wider than needed."""
    if statement["Effect"] != "Allow":
        return []
    actions, resources = allowed(statement, "Action"), allowed(statement, "Resource")
    found = [f"action {action}" for action in actions if "*" in action]
    found += [key for key in ("NotAction", "NotResource", "NotPrincipal") if key in statement]
    found += ["everybody"] if "*" in str(statement.get("Principal", "")) else []
    for resource in resources:
        text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
        text = re.sub(r"\$\{[^}]+\}", "name", text)
        service_part = text.split(":", 5)[-1]
        if text == "*" and not set(actions) <= NO_NARROWER:
            found.append("every resource")
        elif text != "*" and ("*" in text.removesuffix(service_part) or service_part.startswith("*")):
            found.append(f"resource {text}")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_right_is_wider_than_needed(kind: str) -> None:
    assert [(name, wide(statement)) for name, statement in statements(kind) if wide(statement)] == []


def test_rights_are_looked_at() -> None:
    assert sum(len(list(statements(kind))) for kind in KINDS) > 20
    for statement in (
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::*"}},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:*:::a"},
        {"Effect": "Allow", "NotAction": ["s3:GetObject"], "Resource": "arn:aws:s3:::a"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a"},
    ):
        assert wide(statement), statement


def test_only_media_and_the_page_of_one_machine_are_open_to_all() -> None:
    found = [
        (kind, rule["IpProtocol"], rule["FromPort"], rule["ToPort"])
        for kind in KINDS
        for resource in load(kind)["Resources"].values()
        for rule in resource.get("Properties", {}).get("SecurityGroupIngress", ())
        if "CidrIp" in rule
    ]
    assert found == [("beanstalk", "tcp", 5000, 5000), ("network", "udp", 40000, 40199)]


def test_nothing_that_is_kept_can_be_read_or_lost_by_mistake() -> None:
    data = load("data")["Resources"]
    database = data["Database"]
    assert database["DeletionPolicy"] == database["UpdateReplacePolicy"] == "Snapshot"
    assert database["Properties"]["StorageEncrypted"]
    assert database["Properties"]["DeletionProtection"]
    assert not database["Properties"]["PubliclyAccessible"]
    assert data["EvidenceBucket"]["DeletionPolicy"] == "Retain"
    buckets = [r for kind in KINDS for r in load(kind)["Resources"].values() if r["Type"] == "AWS::S3::Bucket"]
    assert len(buckets) == 3
    for bucket in buckets:
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["Properties"]["BucketEncryption"]
        assert not [r for r in bucket["Properties"]["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r], (
            "when evidence goes, Vigie decides"
        )


def filled(value: Any) -> Any:
    """With something in each place that CloudFormation fills in."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    if value == "${Proxies}":
        return '["10.60.0.0/24"]'
    return re.sub(r"\$\{[^}]+\}", "filled-in", value) if isinstance(value, str) else value


def task() -> dict[str, Any]:
    """The task definition as AWS gets it."""
    found: dict[str, Any] = filled(json.loads(TASK.read_text()))
    return found


def test_the_task_definition_is_one() -> None:
    ecs = botocore.session.get_session().get_service_model("ecs")
    report = ParamValidator().validate(task(), ecs.operation_model("RegisterTaskDefinition").input_shape)
    assert not report.has_errors(), report.generate_report()


def test_its_settings_are_taken_by_this_server(monkeypatch: pytest.MonkeyPatch) -> None:
    (container,) = task()["containerDefinitions"]
    secrets = {"VIGIE_DATABASE": "postgresql://a:b@c/d", "VIGIE_WHIP_TOKEN": "a" * 40}
    given = {entry["name"]: entry["value"] for entry in container["environment"]} | secrets
    given["VIGIE_CAMERAS"] = load("data")["Resources"]["CamerasSecret"]["Properties"]["SecretString"]
    assert {entry["name"] for entry in container["secrets"]} == {*secrets, "VIGIE_CAMERAS"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(None)
    assert settings.cameras == ()
    assert not settings.access.local
    assert settings.access.proxies == ("10.60.0.0/24",)


def test_ports_are_the_same_everywhere() -> None:
    (container,) = task()["containerDefinitions"]
    mapped = next(entry["containerPortRange"] for entry in container["portMappings"] if entry["protocol"] == "udp")
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    compose = yaml.safe_load((FOLDER.parent / "beanstalk" / "docker-compose.yml").read_text())["services"]["vigie"]
    (rule,) = (
        rule
        for rule in load("network")["Resources"]["TaskGroup"]["Properties"]["SecurityGroupIngress"]
        if rule["IpProtocol"] == "udp"
    )
    ports = (environment["VIGIE_ICE__PORT_MIN"], environment["VIGIE_ICE__PORT_MAX"])
    assert ports == (compose["environment"]["VIGIE_ICE__PORT_MIN"], compose["environment"]["VIGIE_ICE__PORT_MAX"])
    assert mapped == "-".join(ports) == f"{rule['FromPort']}-{rule['ToPort']}"
    assert int(ports[1]) - int(ports[0]) + 1 >= 2 * Settings().limits.sessions


def test_the_health_check_is_that_of_the_image() -> None:
    (container,) = task()["containerDefinitions"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert json.dumps(container["healthCheck"]["command"][1:]) in dockerfile
    assert "deploy/aws/fargate.py" in dockerfile
    assert container["entryPoint"][1] == "/opt/vigie/fargate.py"


def behaviours() -> list[str]:
    """The paths that CloudFront brings to the balancer."""
    distribution = load("front")["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    return [behaviour["PathPattern"] for behaviour in distribution["CacheBehaviors"]]


def test_cloudfront_brings_every_route_to_the_server_and_no_file_of_the_page() -> None:
    patterns = behaviours()
    paths = {path for _, path in PERMITS} - NOT_PUBLISHED
    lost = [path for path in paths if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)]
    assert lost == [], "add it to templates/front.yaml"
    files = [f"/{path.relative_to(ROOT / 'static').as_posix()}" for path in (ROOT / "static").rglob("*")]
    taken = [file for file in files if any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)]
    assert taken == [], "the page needs it from the bucket"


def test_the_page_has_the_same_headers_from_cloudfront() -> None:
    config = load("front")["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security, (permissions,) = config["SecurityHeadersConfig"], config["CustomHeadersConfig"]["Items"]
    given = {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        permissions["Header"]: permissions["Value"],
        "Cache-Control": "no-cache",  # by the objects themselves: tests/deploy/test_aws.py
    }
    assert given == PAGE_HEADERS


def test_what_the_dashboard_shows_is_told_by_a_stack() -> None:
    body = load("watch")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    names = set(re.findall(r"\$\{(\w+)\}", body))
    assert names <= outputs_of(ORDER["fargate"])
    widgets = json.loads(re.sub(r"\$\{[^}]+\}", "x", body))["widgets"]
    assert len(widgets) == 6


def test_every_alarm_says_what_to_do_and_tells_somebody() -> None:
    alarms = [r["Properties"] for r in load("watch")["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == 7
    assert all(re.search(r"\. (See|Raise|Take) ", alarm["AlarmDescription"]) for alarm in alarms)
    assert all(alarm["AlarmActions"] == [{"Ref": "Topic"}] for alarm in alarms)

"""An AWS of the tests' own: moto's server, with the few kinds of resources whose names the templates hand on and moto's
CloudFormation does not make."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3  # type: ignore[import-untyped]
import pytest
from moto.cloudfront.models import cloudfront_backends
from moto.core.common_models import CloudFormationModel
from moto.server import ThreadedMotoServer

REGION = "eu-west-3"


class _Made(CloudFormationModel):
    """A resource that has a name and attributes, and is nothing more."""

    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, physical_resource_id: str, type: str) -> None:
        self.physical_resource_id = physical_resource_id
        self.type = type

    def get_cfn_attribute(self, name: str) -> str:
        return self.attributes[name]

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.attributes

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> _Made:
        return cls(cls.named(resource_name, account_id, region_name), cls.cloudformation_type())

    @classmethod
    def named(cls, name: str, account_id: str, region_name: str) -> str:
        """What ``Ref`` gives."""
        return name

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: _Made,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> _Made:
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        return None

    def is_created(self) -> bool:
        return True


# moto asks for the direct subclasses of CloudFormationModel only, so each names it.
class Secret(_Made, CloudFormationModel):
    """Its name is an ARN."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def named(cls, name: str, account_id: str, region_name: str) -> str:
        # moto puts no secret in for its name, and the name of a rule's header may not be long.
        return f"arn:aws:secretsmanager:{region_name}:{account_id}:secret:{name[-12:]}"


class Distribution(_Made, CloudFormationModel):
    """One that moto's CloudFront knows, so that it can be told to forget what it holds."""

    attributes: ClassVar = {"DomainName": "d111111abcdef8.cloudfront.net"}

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudFront::Distribution"

    @classmethod
    def named(cls, name: str, account_id: str, region_name: str) -> str:
        least: dict[str, Any] = {
            "CallerReference": str(uuid4()),
            "Origins": {"Items": [{"Id": "page", "DomainName": "page.example.org"}]},
            "DefaultCacheBehavior": {"TargetOriginId": "page", "ViewerProtocolPolicy": "https-only"},
        }
        made, _, _ = cloudfront_backends[account_id]["aws"].create_distribution(least, [])
        return str(made.distribution_id)


class OriginAccessControl(_Made, CloudFormationModel):
    """By its id a distribution names it."""

    attributes: ClassVar = {"Id": "E2QWRUHAPOMQZL"}

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudFront::OriginAccessControl"


class BeanstalkEnvironment(_Made, CloudFormationModel):
    """Its address is known."""

    attributes: ClassVar = {"EndpointURL": "198.51.100.7"}

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::ElasticBeanstalk::Environment"


class FakeAws:
    """What is in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return boto3.client(service, region_name=REGION, endpoint_url=self.url)

    def drop_what_stacks_leave(self) -> None:
        """Take away route tables and images: moto leaves these of a stack that is removed, and then fails."""
        ecr = self.client("ecr")
        for repository in ecr.describe_repositories()["repositories"]:
            name = repository["repositoryName"]
            ecr.batch_delete_image(repositoryName=name, imageIds=ecr.list_images(repositoryName=name)["imageIds"])
        ec2 = self.client("ec2")
        for table in ec2.describe_route_tables()["RouteTables"]:
            if not any(entry["Main"] for entry in table["Associations"]):
                for entry in table["Associations"]:
                    ec2.disassociate_route_table(AssociationId=entry["RouteTableAssociationId"])
                ec2.delete_route_table(RouteTableId=table["RouteTableId"])


@contextmanager
def fake_aws(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[FakeAws]:
    """It, empty, with all of boto3 led there, for as long as the block runs. moto leaves a file in ``folder``."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    try:
        yield FakeAws(url)
    finally:
        server.stop()


BUILDER = """#!{python}
import json, sys
import boto3
command, *rest = sys.argv[1:]
given = sys.stdin.read() if command == "login" else ""
with open({log!r}, "a") as log:
    print(json.dumps([command, *rest, given]), file=log)
if command == "push" and not {loses!r}:
    name, _, tag = rest[0].rpartition(":")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({{"schemaVersion": 2, "mediaType": kind, "layers": []}})
    ecr = boto3.client("ecr", region_name={region!r})
    ecr.put_image(repositoryName=name.partition("/")[2], imageManifest=manifest, imageTag=tag)
sys.exit({exit})
"""


def builder(folder: Path, monkeypatch: pytest.MonkeyPatch, exit: int = 0, loses: bool = False) -> Path:
    """A `docker` that builds nothing: what it pushes is in the registry. Returns where it notes what it was told."""
    log, program = folder / "builder.log", folder / "bin" / "docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(BUILDER.format(python=sys.executable, log=str(log), region=REGION, loses=loses, exit=exit))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return log

"""Vigie on AWS by one command: plan, push, apply, smoke, destroy. Guide: docs/deployment.md."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

if not __package__:  # started by its path
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "deploy.aws"

from . import front, image
from .smoke import Smoke
from .stacks import KEPT, ORDER, Say, Stacks, Trouble, option, outputs_of
from .template import load

BUNDLE = Path(__file__).parent / "beanstalk"
CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
LOOKED_UP = ("Name", "Image", "Bundle", "CloudFrontPrefixes", "SolutionStack")
LINK = '"/#token="'


class Deployment:
    """One Vigie in one region."""

    def __init__(self, options: argparse.Namespace, say: Say, wait_s: int = 10) -> None:
        self._session = boto3.Session(region_name=options.region or os.environ.get("AWS_REGION"))
        if not self._session.region_name:
            raise Trouble("Name the region: --region eu-west-3, or AWS_REGION.")
        self._options = options
        self._say = say
        self._kinds = ORDER[options.on]
        self._client_of: dict[str, Any] = {}
        given = {name: str(value) for name, value in vars(options).items() if name[0].isupper() and value is not None}
        self.stacks = Stacks(self._client("cloudformation"), options.name, given, say, wait_s)

    def plan(self) -> None:
        """Say what apply would change, and change nothing."""
        self.stacks.read(self._kinds)
        self._look_up(self._tag())
        self.stacks.check(self._kinds, LOOKED_UP)
        for kind in self._kinds:
            changes = self.stacks.plan(kind)
            self._say(f"{self.stacks.full_name(kind)}: {len(changes) or 'no'} changes")
            for change in changes:
                self._say(f"  {change}")

    def push(self) -> None:
        """Bring the image and the page to AWS. What it fills is made first."""
        tag = self._tag()
        self.stacks.apply("artifacts")
        outputs = self.stacks.outputs
        image.push(self._client("ecr"), outputs["RepositoryUri"], tag, self._options.tool, self._say)
        front.upload(self._client("s3"), outputs["FrontBucket"], self._say)
        self.stacks.read(("front",))
        if "Distribution" in outputs:
            front.refresh(self._client("cloudfront"), outputs["Distribution"], self._say)

    def apply(self) -> None:
        """Make everything be as the templates say, with the image of this checkout."""
        tag = self._tag()
        self.stacks.read(("artifacts",))
        if not self.stacks.outputs:
            raise Trouble("There is no registry yet. Run push first.")
        if not image.is_there(self._client("ecr"), self._options.name, tag):
            raise Trouble(f"The registry has no image {tag}. Run push first, or name another with --tag.")
        self._look_up(tag)
        self.stacks.check(self._kinds, ())
        if self._options.on == "beanstalk":
            self._upload_bundle(tag)
        for kind in self._kinds:
            self.stacks.apply(kind)
        outputs = self.stacks.outputs
        if self._options.on == "beanstalk":
            self._say(f"Vigie: https://{outputs['Address']}:5000. The link for the first admin is in its log.")
            return
        self._say(f"{outputs['Url']} has to lead to {outputs['DistributionHost']}")
        self._say(self._first_link(outputs["LogGroup"]) or "The link for the first admin was shown before.")

    def smoke(self) -> bool:
        """Ask a running one; whether it does what it should. The token comes by VIGIE_TOKEN."""
        url = self._options.url
        if not url:
            self.stacks.read(("front",))
            url = self.stacks.outputs.get("Url")
        if not url:
            raise Trouble("Name the address with --url.")
        own = self._options.own_certificate
        return asyncio.run(Smoke(url, os.environ.get("VIGIE_TOKEN"), own).run(self._say))

    def destroy(self) -> None:
        """Remove what runs; with --data all. A last copy of the database and the evidence always stay."""
        kinds = [kind for way in ORDER.values() for kind in way if kind not in KEPT]
        if self._options.data:
            kinds = [*KEPT, *kinds]
        if self._options.yes != self._options.name:
            what = ", ".join(self.stacks.full_name(kind) for kind in kinds if self.stacks.find(kind)) or "nothing"
            raise Trouble(f"This would remove {what}. Say so: --yes {self._options.name}")
        self.stacks.read(kinds)
        outputs = self.stacks.outputs
        if self._options.data and "Database" in outputs:
            rds = self._client("rds")
            rds.modify_db_instance(
                DBInstanceIdentifier=outputs["Database"], DeletionProtection=False, ApplyImmediately=True
            )
        for bucket in ("FrontBucket", "BundleBucket"):
            if bucket in outputs:
                front.empty(self._client("s3"), outputs[bucket])
        for kind in reversed(kinds):
            self.stacks.delete(kind)
        if "EvidenceBucket" in outputs:
            self._say(
                f"The evidence is still in s3://{outputs['EvidenceBucket']}, a copy of the database in its snapshots."
            )

    def _tag(self) -> str:
        return self._options.tag or image.tag_of_checkout()

    def _look_up(self, tag: str) -> None:
        """Values that AWS or this checkout knows."""
        outputs = self.stacks.outputs
        if "RepositoryUri" in outputs:
            outputs["Image"] = f"{outputs['RepositoryUri']}:{tag}"
        outputs["Bundle"] = f"{self._options.name}-{tag}.zip"
        filters = [{"Name": "prefix-list-name", "Values": [CLOUDFRONT]}]
        lists = self._client("ec2").describe_managed_prefix_lists(Filters=filters)["PrefixLists"]
        if not lists:
            raise Trouble(f"This region has no list {CLOUDFRONT}. Choose another region.")
        outputs["CloudFrontPrefixes"] = lists[0]["PrefixListId"]
        if self._options.on == "beanstalk":
            outputs["SolutionStack"] = newest(
                self._client("elasticbeanstalk").list_available_solution_stacks()["SolutionStacks"]
            )

    def _upload_bundle(self, tag: str) -> None:
        outputs = self.stacks.outputs
        body = bundle(f"{outputs['RepositoryUri']}:{tag}")
        self._client("s3").put_object(Bucket=outputs["BundleBucket"], Key=outputs["Bundle"], Body=body)

    def _first_link(self, log_group: str) -> str | None:
        """The line with the link that the first start printed, as long as the log has it."""
        found = self._client("logs").filter_log_events(logGroupName=log_group, filterPattern=LINK)["events"]
        if not found:
            return None
        line = str(found[-1]["message"])
        return f"{line}\nWhoever reads the log sees it too: revoke the token `first start` once you have a user."

    def _client(self, service: str) -> Any:
        if service not in self._client_of:
            self._client_of[service] = self._session.client(service)
        return self._client_of[service]


def newest(stacks: Iterable[str]) -> str:
    """Of Beanstalk's platforms the newest that runs Docker Compose by itself."""
    fit = [name for name in stacks if "Amazon Linux 2023" in name and name.endswith("running Docker")]
    if not fit:
        raise Trouble("Beanstalk offers no Amazon Linux 2023 with Docker here. Choose another region.")
    return max(fit, key=lambda name: [int(part) for part in name.split(" v")[1].split(" ")[0].split(".")])


def bundle(uri: str) -> bytes:
    """What Beanstalk is given: the files of beanstalk/, with the image's name put in."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(BUNDLE.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(BUNDLE).as_posix())
                entry.external_attr = (0o755 if path.suffix == ".sh" else 0o644) << 16
                archive.writestr(entry, path.read_text().replace("${Image}", uri))
    return out.getvalue()


def parser() -> argparse.ArgumentParser:
    """The command line. What the templates ask for, it takes under their names."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default="vigie", help="what all is named after; another one for a second Vigie")
    common.add_argument("--region", help="else AWS_REGION or the profile's")
    common.add_argument("--on", choices=tuple(ORDER), default="fargate", help="what it runs on (%(default)s)")
    tagged = argparse.ArgumentParser(add_help=False)
    tagged.add_argument("--tag", help="of the image; else the commit that is checked out")
    wishes = argparse.ArgumentParser(add_help=False)
    outputs = outputs_of(kind for way in ORDER.values() for kind in way)
    for name, parameter in asked_of_the_user(outputs).items():
        wishes.add_argument(option(name), dest=name, metavar="X", help=parameter.get("Description"))
    whole = argparse.ArgumentParser(description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    commands.add_parser("plan", parents=[common, tagged, wishes], help="what apply would change")
    push = commands.add_parser("push", parents=[common, tagged], help="the image and the page")
    push.add_argument("--tool", choices=image.TOOLS, help="what builds; else the first that is here")
    commands.add_parser("apply", parents=[common, tagged, wishes], help="everything; omitted options stay as they are")
    smoke = commands.add_parser("smoke", parents=[common], help="ask a running one; a token comes by VIGIE_TOKEN")
    smoke.add_argument("--url", help="else that of the deployment")
    smoke.add_argument("--own-certificate", action="store_true", help="its certificate is one it made itself")
    destroy = commands.add_parser("destroy", parents=[common], help="remove what runs")
    destroy.add_argument("--data", action="store_true", help="the database, network and registry too")
    destroy.add_argument("--yes", metavar="NAME", help="the name once more")
    return whole


def asked_of_the_user(outputs: set[str]) -> dict[str, dict[str, Any]]:
    """The parameters of all templates that no stack and no look-up knows."""
    found: dict[str, dict[str, Any]] = {}
    for kind in (kind for way in ORDER.values() for kind in way):
        for name, parameter in load(kind)["Parameters"].items():
            if name not in outputs and name not in LOOKED_UP:
                found.setdefault(name, {}).update(parameter)
    return found


def main(arguments: Sequence[str] | None = None, wait_s: int = 10) -> int:
    """Run it; the exit code."""
    options = parser().parse_args(arguments)
    try:
        deployment = Deployment(options, lambda line: print(line, flush=True), wait_s)
        return 1 if getattr(deployment, options.command)() is False else 0
    except (Trouble, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

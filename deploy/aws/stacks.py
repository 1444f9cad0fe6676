"""Stacks of CloudFormation, in the order in which they need each other, and what goes from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, WaiterError  # type: ignore[import-untyped]

from .template import Json, load, text_of

KEPT = ("artifacts", "network", "data")
"""What both ways share; data outlives `destroy` unless it is named."""

ORDER = {
    "fargate": (*KEPT, "service", "front", "watch"),
    "beanstalk": (*KEPT, "beanstalk"),
}
UNCHANGED = ("No updates are to be performed", "didn't contain changes")
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")

Say = Callable[[str], None]


class Trouble(Exception):
    """It cannot go on. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one resource: ``Add``, ``Modify``, ``Remove``; ``replaced``: a new one in its place."""

    action: str
    name: str
    kind: str
    replaced: bool = False

    def __str__(self) -> str:
        return f"{self.action:<7}{self.name} ({self.kind}){', replaced' if self.replaced else ''}"


@dataclass(slots=True)
class Stacks:
    """The stacks of one Vigie, ``NAME-KIND``.

    A parameter of a template gets its value from what was given, else from the outputs of the stacks before, else from
    the stack as it is now, else from its own default.
    """

    cloudformation: Any
    name: str
    given: Mapping[str, str]
    say: Say
    wait_s: int = 10
    outputs: dict[str, str] = field(default_factory=dict)

    def read(self, kinds: Iterable[str]) -> None:
        """Learn the outputs of those that are there."""
        for kind in kinds:
            self._learn(self.find(kind))

    def find(self, kind: str) -> Json | None:
        """A stack as it is, or None."""
        try:
            found: Json = self.cloudformation.describe_stacks(StackName=self.full_name(kind))["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return found

    def full_name(self, kind: str) -> str:
        """As CloudFormation knows it."""
        return f"{self.name}-{kind}"

    def check(self, kinds: Iterable[str], known: Iterable[str]) -> None:
        """Whether there is a value for all that these ask for; ``known``: what will be there by then. Raises
        :class:`Trouble` that names all that is not."""
        missing: dict[str, None] = {}
        others = set(known)
        for kind in kinds:
            now = self.find(kind)
            others |= {*self.outputs, *self.given, "Name"} | {
                entry["ParameterKey"] for entry in (now or {}).get("Parameters", ())
            }
            for name, parameter in load(kind)["Parameters"].items():
                if name not in others and "Default" not in parameter:
                    missing[option(name)] = None
            others |= outputs_of((kind,))
        if missing:
            raise Trouble(f"Give {', '.join(missing)}.")

    def plan(self, kind: str) -> list[Change]:
        """What :meth:`apply` would change."""
        template, now = load(kind), self.find(kind)
        if now is None or now["StackStatus"] == "ROLLBACK_COMPLETE":
            self.cloudformation.validate_template(TemplateBody=text_of(kind))
            return [Change("Add", name, resource["Type"]) for name, resource in template["Resources"].items()]
        try:
            change_set = self.cloudformation.create_change_set(
                StackName=now["StackName"],
                ChangeSetName="plan",
                ChangeSetType="UPDATE",
                TemplateBody=text_of(kind),
                Parameters=self._parameters(template, now),
                Capabilities=["CAPABILITY_IAM"],
            )["Id"]
        except ClientError as error:
            if _is_unchanged(str(error)):
                return []
            raise
        try:
            return self._changes(change_set)
        finally:
            self.cloudformation.delete_change_set(ChangeSetName=change_set)

    def apply(self, kind: str) -> None:
        """Create or update one, and wait until it is done; its outputs are known then."""
        now = self.find(kind)
        if now and now["StackStatus"] == "ROLLBACK_COMPLETE":  # its first try failed: nothing of it is left
            self.delete(kind)
            now = None
        name = self.full_name(kind)
        request = {
            "StackName": name,
            "TemplateBody": text_of(kind),
            "Parameters": self._parameters(load(kind), now),
            "Capabilities": ["CAPABILITY_IAM"],
            "Tags": [{"Key": "vigie", "Value": self.name}],
        }
        try:
            if now is None:
                self.say(f"{name}: creating")
                self.cloudformation.create_stack(**request)
                self._wait("stack_create_complete", StackName=name)
            else:
                self.say(f"{name}: updating")
                self.cloudformation.update_stack(**request)
                self._wait("stack_update_complete", StackName=name)
        except ClientError as error:
            if not _is_unchanged(str(error)):
                raise
            self.say(f"{name}: nothing to change")
        except WaiterError as error:
            raise Trouble(f"{name} failed: {self._why(kind) or error}") from error
        self._learn(self.find(kind))

    def delete(self, kind: str) -> None:
        """Remove one, and wait until it is gone."""
        if not self.find(kind):
            return
        name = self.full_name(kind)
        self.say(f"{name}: removing")
        self.cloudformation.delete_stack(StackName=name)
        try:
            self._wait("stack_delete_complete", StackName=name)
        except WaiterError as error:
            raise Trouble(f"{name} cannot be removed: {self._why(kind) or error}") from error

    def _changes(self, change_set: str) -> list[Change]:
        try:
            self._wait("change_set_create_complete", ChangeSetName=change_set)
        except WaiterError as error:
            reason = str(error.last_response.get("StatusReason") or error)
            if _is_unchanged(reason):
                return []
            raise Trouble(f"It cannot be planned: {reason}") from error
        pages = self.cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return [_change(entry["ResourceChange"]) for page in pages for entry in page.get("Changes", ())]

    def _parameters(self, template: Json, now: Json | None) -> list[Json]:
        before = {entry["ParameterKey"] for entry in (now or {}).get("Parameters", ())}
        known = {**self.outputs, **self.given, "Name": self.name}
        values: list[Json] = []
        for name, parameter in template["Parameters"].items():
            if name in known:
                values.append({"ParameterKey": name, "ParameterValue": known[name]})
            elif name in before:
                values.append({"ParameterKey": name, "UsePreviousValue": True})
            elif "Default" in parameter:  # said, so that a later template's other default does not change what runs
                values.append({"ParameterKey": name, "ParameterValue": str(parameter["Default"])})
        return values

    def _wait(self, event: str, **what: str) -> None:
        waiter = self.cloudformation.get_waiter(event)
        waiter.wait(**what, WaiterConfig={"Delay": self.wait_s, "MaxAttempts": 360})

    def _learn(self, stack: Json | None) -> None:
        for output in (stack or {}).get("Outputs", ()):
            self.outputs[output["OutputKey"]] = output["OutputValue"]

    def _why(self, kind: str) -> str:
        """What failed first this time, in CloudFormation's words: what comes after is mostly its consequence."""
        why = ""
        for event in self.cloudformation.describe_stack_events(StackName=self.full_name(kind))["StackEvents"]:
            if event["ResourceStatus"].endswith("_FAILED"):  # the newest comes first
                why = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            elif event["PhysicalResourceId"] == event["StackId"] and event["ResourceStatus"] in BEGINNINGS:
                break
        return why


def option(parameter: str) -> str:
    """How the command line calls a parameter: ``EdgeCertificate`` is ``--edge-certificate``."""
    return "--" + "".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in parameter).lstrip("-")


def outputs_of(kinds: Iterable[str]) -> set[str]:
    """What stacks of these kinds tell once they are there."""
    return {name for kind in kinds for name in load(kind).get("Outputs", ())}


def _is_unchanged(words: str) -> bool:
    return any(known in words for known in UNCHANGED)


def _change(found: Json) -> Change:
    replaced = found.get("Replacement") in ("True", "Conditional")
    return Change(found["Action"], found["LogicalResourceId"], found["ResourceType"], replaced)

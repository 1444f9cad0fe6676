"""The image: built by whichever tool is there, and put into the registry once for each tag."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from .stacks import Say, Trouble

ROOT = Path(__file__).parents[2]
TOOLS = ("docker", "podman", "buildah")


def tag_of_checkout() -> str:
    """The commit that is checked out; raises :class:`Trouble` where files differ from it."""
    try:
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble("This is no git checkout. Name the image with --tag.") from error
    if changed.stdout:
        raise Trouble("Files differ from the last commit. Commit them, or name the image with --tag.")
    return commit.stdout.strip()


def is_there(ecr: Any, repository: str, tag: str) -> bool:
    """Whether the registry has that image."""
    try:
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def push(ecr: Any, uri: str, tag: str, tool: str | None, say: Say) -> None:
    """Build the image and put it there. ``uri``: of the repository. A tag is never moved: what is there stays."""
    repository = uri.rpartition("/")[2]
    if is_there(ecr, repository, tag):
        say(f"{uri}:{tag} is there already")
        return
    found = tool or next((name for name in TOOLS if shutil.which(name)), None)
    if found is None:
        raise Trouble(f"None of {', '.join(TOOLS)} is here. Install one.")
    say(f"{uri}:{tag}: building with {found}")
    _run(found, "build", "--platform", "linux/amd64", "--tag", f"{uri}:{tag}", str(ROOT))
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    # By standard input: what is on a command line, everybody on this machine can read.
    _run(found, "login", "--username", user, "--password-stdin", uri.partition("/")[0], given=password)
    _run(found, "push", f"{uri}:{tag}")
    if not is_there(ecr, repository, tag):
        raise Trouble(f"{found} pushed {uri}:{tag}, and the registry does not have it. Try again.")


def _run(*command: str, given: str | None = None) -> None:
    try:
        subprocess.run(command, input=given, text=True, check=True)
    except OSError as error:
        raise Trouble(f"{command[0]} cannot be run: {error.strerror}.") from error
    except subprocess.CalledProcessError as error:
        raise Trouble(f"`{command[0]} {command[1]}` failed; what it said is above.") from error

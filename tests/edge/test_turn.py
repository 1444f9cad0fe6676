"""Where no UDP gets through, video comes by TURN over TCP: a real coturn, a real server, two network namespaces."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from ..support.media import GUN_CLIP
from ..support.server import own_folder

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-for-this-test-alone"

INSIDE = """
set -eu
ip link set lo up
unshare -n sleep 100 & other=$!
trap 'kill $server $turn $other 2>/dev/null; wait' EXIT
turn= server=
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add name here type veth peer name there netns $other
ip addr add 10.99.0.1/24 dev here
ip link set here up
inside="nsenter -t $other -n"
$inside ip link set lo up
$inside ip addr add 10.99.0.2/24 dev there
$inside ip link set there up
$inside ip rule add ipproto udp prohibit
turnserver -n -L 10.99.0.1 -p 3478 --no-tls --no-dtls --no-cli --use-auth-secret --static-auth-secret="$SECRET" \
    --realm=vigie --log-file=stdout --pidfile=turn.pid --userdb=turn.db >turn.log 2>&1 & turn=$!
"$PYTHON" -m server >server.out 2>server.log & server=$!
until grep -q "is ready" server.out; do kill -0 $server; sleep 0.1; done
export TOKEN="$("$PYTHON" -m server token add viewer --role viewer)"
"$PYTHON" -m server doctor --json >doctor.json || echo "doctor: ill"
$inside "$PYTHON" -m tests.edge.turn_viewer http://10.99.0.1:5000
kill $turn
sleep 0.2
kill $server
wait $server
echo "stopped: in peace"
"""


def _hindrance() -> str | None:
    if not shutil.which("turnserver"):
        return "there is no coturn here (apt-get install coturn)"
    if not (shutil.which("ip") and shutil.which("unshare") and shutil.which("nsenter")) or os.geteuid() != 0:
        return "network namespaces need root, ip, unshare and nsenter"
    rule = "ip link set lo up && ip link add name a type veth peer name b && ip rule add ipproto udp prohibit"
    if subprocess.run(["unshare", "-n", "sh", "-c", rule], capture_output=True, check=False).returncode:
        return "this kernel allows no network namespace with a rule for UDP"
    return None


async def test_video_comes_by_turn_where_udp_is_blocked(tmp_path: Path, data_dir: Path) -> None:
    if hindrance := _hindrance():
        pytest.skip(hindrance)
    folder = own_folder(tmp_path / "data", data_dir)
    (tmp_path / "vigie.yaml").write_text(
        f"host: 10.99.0.1\nport: 5000\ndata_dir: {folder}\n"
        f"ice:\n  stun: ['stun:10.99.0.1:3478']\n  turn_secret: {SECRET}\n"
        "  turn: ['turn:10.99.0.1:3478?transport=tcp']\n"
        f"cameras:\n  - {{name: gate, url: '{GUN_CLIP}', loop: true}}\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable, "SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-n", "sh", "-c", INSIDE), cwd=tmp_path, env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    logs = (tmp_path / "server.log").read_text()
    told = dict(re.findall(r"^(.+): (.+)$", out.decode(), re.M))
    expected = {
        "doctor": "ill",  # since it is open to others without TLS, and for nothing else
        "with turn": "picture relay",
        "with another password": "nothing",
        "without": "nothing",
        "stopped": "in peace",
    }
    doctor = tmp_path / "doctor.json"
    findings = json.loads(doctor.read_text()) if doctor.exists() else []
    ill = [finding for finding in findings if not finding["works"]]
    assert told == expected, (err.decode()[-2000:], logs[-2000:], ill)
    assert [finding["name"] for finding in ill] == ["certificate"]
    assert {finding["name"] for finding in findings if finding["works"]} >= {
        *("UDP", "STUN stun:10.99.0.1:3478", "TURN turn:10.99.0.1:3478?transport=tcp", "WebSocket", "camera gate"),
        *("settings", "model", "disk", "database"),
    }
    assert SECRET not in logs
    assert "Traceback" not in logs

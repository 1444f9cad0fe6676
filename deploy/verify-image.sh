#!/bin/sh
# deploy/verify-image.sh [FOLDER]: builds the image from the Dockerfile and starts it, without Docker, on a Debian as root.
# buildah builds with chroot isolation on a base that debootstrap makes in FOLDER (kept, so that the next run is quick). The
# image is then run as a container would be: process 1 of its own, user vigie, root file system read-only, /data and /tmp
# writable. It must stay under 750 MB, hold no compiler and no torch, become healthy, find the gun in a picture, and end on
# SIGTERM within 10 s. Needs: apt-get install buildah debootstrap
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "Run it as root: it makes a chroot." >&2; exit 1; }
for tool in buildah debootstrap unshare setpriv; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install buildah debootstrap util-linux" >&2; exit 1; }
done
work=${1:-/var/tmp/vigie-image}
most_mb=750
port=${VIGIE_PORT:-5099}
mkdir -p "$work"
export BUILDAH_ISOLATION=chroot
storage="--root $work/storage --runroot $work/run"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

if [ ! -e "$work/base/.made" ]; then
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base" >"$work/debootstrap.log" ||
        fail "debootstrap; see $work/debootstrap.log"
    rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists" "$work/base/usr/share/doc" "$work/base/usr/share/locale"
    touch "$work/base/.made"
fi
# shellcheck disable=SC2086
buildah $storage inspect --type image localhost/vigie-base >/dev/null 2>&1 || {
    scratch=$(buildah $storage from scratch)
    buildah $storage add "$scratch" "$work/base" / >/dev/null
    buildah $storage commit --rm "$scratch" localhost/vigie-base >/dev/null
}

# The machine's own pip settings and certificates, where it has a mirror; nothing of them stays in the image.
mounts="--volume /etc/ssl/certs:/etc/ssl/certs:ro"
[ ! -e /etc/pip.conf ] || mounts="$mounts --volume /etc/pip.conf:/etc/pip.conf:ro"
# shellcheck disable=SC2086
buildah $storage bud --pull-never --format docker $mounts --build-arg BASE=localhost/vigie-base --tag localhost/vigie . \
    >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; fail "the build; see $work/build.log"; }

# shellcheck disable=SC2086
container=$(buildah $storage from --pull-never localhost/vigie)
# shellcheck disable=SC2086
root=$(buildah $storage mount "$container")
server=
cleanup() {
    # shellcheck disable=SC2086
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    # shellcheck disable=SC2086
    buildah $storage rm "$container" >/dev/null 2>&1 || true
}
trap cleanup EXIT

mb=$(($(du -sb "$root" | cut -f1) / 1000000))
echo "unpacked: $mb MB (at most $most_mb)"
[ "$mb" -lt "$most_mb" ] || fail "the image is too large"
for tool in gcc cc g++ clang make pip pip3; do
    [ -z "$(find "$root/usr/bin" "$root/usr/local/bin" "$root/opt/vigie/.venv/bin" -name "$tool" 2>/dev/null)" ] ||
        fail "$tool is in the image"
done
[ -z "$(find "$root" -type d -name torch -path '*site-packages/torch')" ] || fail "torch is in the image"

# What the Dockerfile cut out must not have been needed: the other backend really loads the model, too.
chroot "$root" /usr/bin/env -C /opt/vigie .venv/bin/python -c '
import aiortc, asyncpg, av, cv2, obstore, onnxruntime, openvino
onnxruntime.InferenceSession("models/gun-yolov8n.onnx")' 2>"$work/packages.log" || { cat "$work/packages.log" >&2; fail "a package does not load"; }

rm -rf "$work/data"
install -d -o 10001 -g 10001 -m 0700 "$work/data"
PORT=$port ROOT=$root DATA=$work/data unshare --mount --pid --fork --kill-child sh -c '
    mount --bind "$ROOT" "$ROOT" && mount --bind "$DATA" "$ROOT/data"
    mount -t tmpfs -o size=64m tmpfs "$ROOT/tmp" && mount -t proc proc "$ROOT/proc"
    mount --bind /dev "$ROOT/dev" && mount -o remount,bind,ro "$ROOT"
    cd "$ROOT" && exec chroot . /usr/bin/env -i PATH=/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
        VIGIE_HOST=127.0.0.1 VIGIE_PORT="$PORT" VIGIE_DATA_DIR=/data \
        /usr/bin/setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --no-new-privs \
        /bin/sh -c "cd /opt/vigie && exec .venv/bin/python -m server"' >"$work/server.log" 2>&1 &
server=$!
began=$(date +%s%N)
until chroot "$root" /usr/bin/env VIGIE_PORT="$port" /opt/vigie/.venv/bin/python /opt/vigie/healthcheck.py; do
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; fail "the server ended"; }
    [ $(($(date +%s%N) - began)) -lt 90000000000 ] || { cat "$work/server.log" >&2; fail "not healthy after 90 s"; }
    sleep 0.2
done
echo "healthy after: $((($(date +%s%N) - began) / 1000000)) ms"
until curl -fsS "http://127.0.0.1:$port/readyz" >"$work/ready.json" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; fail "the server ended"; }
    [ $(($(date +%s%N) - began)) -lt 120000000000 ] || { cat "$work/server.log" >&2; fail "not ready after 120 s"; }
    sleep 0.2
done
echo "ready after: $((($(date +%s%N) - began) / 1000000)) ms"
curl -fsS -F file=@models/check.jpg "http://127.0.0.1:$port/api/v1/detect" >"$work/detect.json" || fail "no picture was looked at"
grep -q '"confidence"' "$work/detect.json" || fail "nothing found in models/check.jpg: $(cat "$work/detect.json")"
echo "a picture is looked at: $(cut -c1-160 "$work/detect.json")"

inner=$(pgrep -P "$server" | head -1)
[ "$(awk '/^Uid:/ {print $2}' "/proc/$inner/status")" = 10001 ] || fail "it does not run as its own user"
[ "$(awk '/^NSpid:/ {print $NF}' "/proc/$inner/status")" = 1 ] || fail "the server is not process 1"
if nsenter --target "$inner" --mount touch "$root/opt/vigie/written" 2>/dev/null; then fail "its root file system can be written"; fi
began=$(date +%s%N)
kill -TERM "$inner"
while kill -0 "$server" 2>/dev/null; do
    [ $(($(date +%s%N) - began)) -lt 10000000000 ] || fail "it does not end on SIGTERM"
    sleep 0.1
done
wait "$server" || fail "it ended with an error: $(tail -5 "$work/server.log")"
server=
echo "ended after SIGTERM: $((($(date +%s%N) - began) / 1000000)) ms"
echo "The image works."

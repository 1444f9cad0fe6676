#!/bin/sh
# The tests of camera fleets need GStreamer's RTSP server; one of them ip and nft, to lose packets, one ffmpeg, as an RTMP
# server. Install Debian's where they are missing and we may; say so where we may not.
set -u
cd "$(dirname "$0")/.."
SERVER="python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
OTHERS="iproute2 nftables ffmpeg"

has_server() {
    /usr/bin/python3 tests/support/rtsp_server.py --help >/dev/null 2>&1
}

has_others() {
    for command in ip nft ffmpeg; do
        command -v "$command" >/dev/null 2>&1 || return 1
    done
}

has_server && has_others && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing GStreamer's RTSP server for the tests of camera fleets"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $SERVER $OTHERS; } >/dev/null 2>&1
fi
has_server || echo "No RTSP server here: the tests of camera fleets will be skipped (apt-get install $SERVER)"
has_others || echo "No ip, nft or ffmpeg here: some tests of camera fleets will be skipped (apt-get install $OTHERS)"

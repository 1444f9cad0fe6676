#!/bin/sh
# tests/run.sh PYTHON [options of pytest]: with options, what they pick; without, everything, in two lanes at a time. What is
# watched with a clock or drives a browser is in the first lane; what mostly waits, or sets up an environment of its own, gives way
# to it in the second.
set -u
python=$1
shift
[ $# -gt 0 ] && exec "$python" -m pytest "$@"
quick="tests/core tests/evidence tests/inference tests/sources tests/store tests/training"
waiting="tests/alerts tests/outbox"
torch="tests/training/torch"
desktop="tests/desktop"
watched="tests/edge tests/browser"
failed=""
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a part of the tests, whose name is told when it fails.
part() {
    name=$1
    shift
    "$@" || failed="$failed $name"
}

# The second lane ends with an exit code of its own.
over() {
    [ -z "$failed" ] || echo "Failed:$failed"
    [ -z "$failed" ]
}

# Waits for the second lane and shows what it said.
join() {
    wait $! || failed="$failed second-lane"
    cat "$log"
}

needs() {
    [ -f "$1/.installed" ] && return
    echo "The tests of $2 are left out: \`make $3\` sets up what they need."
    [ "${CI:-}" != true ] || failed="$failed $3"
    return 1
}

# shellcheck disable=SC2086
{
    part waiting nice "$python" -m pytest $waiting
    [ "${CI:-}" = true ] && nice make --no-print-directory train-env
    needs .venv-train "training that need PyTorch" train-env &&
        part torch nice .venv-train/bin/python -m pytest --confcutdir=$torch $torch
    if [ "${CI:-}" = true ]; then
        tests/qt.sh
        part check-desktop nice make --no-print-directory check-desktop
    fi
    needs .venv-desktop "the desktop application" desktop-env &&
        part desktop nice .venv-desktop/bin/python -m pytest --confcutdir=$desktop $desktop
    over
} >"$log" 2>&1 &
# shellcheck disable=SC2086
part quick "$python" -m pytest --ignore=$torch $quick
join

# shellcheck disable=SC2046,SC2086
{
    part rest nice "$python" -m pytest $(printf -- '--ignore=%s ' $quick $waiting $torch $desktop $watched)
    over
} >"$log" 2>&1 &
# shellcheck disable=SC2086
part watched "$python" -m pytest $watched
join
over

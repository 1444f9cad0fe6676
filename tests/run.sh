#!/bin/sh
# tests/run.sh PYTHON [options of pytest]: with options, what they pick; without, everything. What mostly waits, and what an
# environment of its own is set up for, runs beside what computes; what measures times or drives a browser has the machine for
# itself.
set -u
python=$1
shift
[ $# -gt 0 ] && exec "$python" -m pytest "$@"
beside="tests/alerts tests/outbox"
quick="tests/core tests/evidence tests/inference tests/sources tests/store tests/training"
torch="tests/training/torch"
desktop="tests/desktop"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
{
    "$python" -m pytest $beside
    waited=$?
    trained=0
    [ "${CI:-}" = true ] && make --no-print-directory train-env
    if [ -f .venv-train/.installed ]; then
        .venv-train/bin/python -m pytest --confcutdir=$torch $torch
        trained=$?
    else
        echo "The tests of training that need PyTorch are left out: \`make train-env\` sets up what they need."
        [ "${CI:-}" != true ] || trained=1
    fi
    shown=0
    if [ "${CI:-}" = true ]; then
        tests/qt.sh
        make --no-print-directory check-desktop || shown=1
    fi
    if [ -f .venv-desktop/.installed ]; then
        .venv-desktop/bin/python -m pytest --confcutdir=$desktop $desktop || shown=1
    else
        echo "The tests of the desktop application are left out: \`make desktop-env\` sets up what they need."
        [ "${CI:-}" != true ] || shown=1
    fi
    [ $waited -eq 0 ] && [ $trained -eq 0 ] && [ $shown -eq 0 ]
} >"$log" 2>&1 &
# shellcheck disable=SC2086
"$python" -m pytest --ignore=$torch $quick
first=$?
wait $!
second=$?
cat "$log"
# shellcheck disable=SC2046,SC2086
"$python" -m pytest $(printf -- '--ignore=%s ' $beside $quick $torch $desktop)
third=$?
[ $first -eq 0 ] && [ $second -eq 0 ] && [ $third -eq 0 ]

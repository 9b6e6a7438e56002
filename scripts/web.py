"""Runs npm scripts of the web workspace with the Node that set-up chose: `python scripts/web.py lint test`."""

from __future__ import annotations

import os
import subprocess
import sys

from setup import ROOT, SetupError, node_path


def main() -> int:
    try:
        env = os.environ | {"PATH": node_path()}
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    for script in sys.argv[1:]:
        code = subprocess.run(["npm", "run", script, "--silent"], cwd=ROOT / "web", env=env, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A remote whose main takes no push, as forges set it up."""

from pathlib import Path

HOOK = """#!/bin/sh
while read -r old new name; do
  if [ "$name" = refs/heads/main ]; then
    echo "main is protected: open a pull request" >&2
    exit 1
  fi
done
"""


def protect(remote: Path) -> None:
    """From now on main is changed by nobody who pushes."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)


def open_up(remote: Path) -> None:
    """Takes the protection away, as who merges is exempt from it."""
    (remote / "hooks" / "pre-receive").unlink()

"""A remote whose `main` accepts no push, as a forge protects it."""

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
    """Let the remote refuse every push to `main`."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)


def open_up(remote: Path) -> None:
    """End the protection, as a forge does for its own merge."""
    (remote / "hooks" / "pre-receive").unlink()

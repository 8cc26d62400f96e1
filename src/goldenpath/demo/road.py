"""The first half of the demo: from an empty folder to a signed release in every stage."""

import socket
from datetime import date
from pathlib import Path

from goldenpath.demo.bank_statements import write_statements
from goldenpath.demo.walk import Walk, at, items, last, text

PROJECT = "credit-default"


def start(walk: Walk, today: date) -> None:
    """Set up a platform on this machine, its people, and a project with its statements."""
    walk.begin(
        "1  a platform, its people, a project",
        "Trust begins with one signed commit; each person has a key of their own.",
    )
    walk.run(
        "goldenpath init --as platform-engineer --key keys/platform-engineer --make-key "
        f"--listen 127.0.0.1:{_free_port()} --demonstration"
    )
    for person in ("data-scientist", "validator", "risk-manager"):
        walk.run(
            f"goldenpath person add {person} --role {person} --ssh-key keys/{person}.pub "
            f"--make-key {acting('platform-engineer')}"
        )
    walk.run(f"goldenpath new {PROJECT}")
    walk.claim("the lock was made here", (walk.folder / PROJECT / "uv.lock").is_file())
    walk.run("goldenpath statements", into=PROJECT)
    walk.claim("no statement of a person is there before a person wrote it", not _is_written(walk))
    walk.say("  (the bank writes its statements H01 to H25 and has them approved)")
    write_statements(walk.folder / PROJECT, today)
    walk.run("git add --all", into=PROJECT)
    walk.run("git commit --quiet --message 'compliance: statements of the bank'", into=PROJECT)
    walk.run("goldenpath check", into=PROJECT)


def build_twice(walk: Walk) -> str:
    """Build the same commit twice: one digest, with all its evidence attached."""
    walk.begin(
        "2  train, pack and sign, twice",
        "A release is its content: the same commit has to give the same digest.",
    )
    first = build(walk)
    second = build(walk)
    walk.claim("the same commit gives the same digest", first == second)
    walk.run(f"goldenpath verify {short(first)}")
    return first


def build(walk: Walk) -> str:
    """Run `goldenpath build` and return the digest that the audit log names."""
    walk.run("goldenpath build", into=PROJECT)
    return text(last(walk.ask("goldenpath events --kind release.built")), "digest")


def challenge(walk: Walk, today: date) -> str:
    """Build a second release of the project: other parameters, and the day of first service."""
    walk.begin(
        "6  a challenger",
        "Another model for the same task takes the same road; no step is shorter.",
    )
    walk.run("sed -i s/logistic/boosting/ goldenpath.toml", into=PROJECT)
    declared = "first_put_into_service:"
    walk.run(
        f"sed -i 's/{declared} not yet/{declared} {today}/' compliance/system.yaml", into=PROJECT
    )
    walk.run("git commit --quiet --all --message 'train: boosted trees'", into=PROJECT)
    return build(walk)


def promote(walk: Walk, digest: str) -> None:
    """Promote to dev and test, and to prod only after two people who did not make it approve."""
    walk.begin(
        "3  promote: dev, test, prod",
        "Evidence opens the gates of dev and test, and two people the gate of prod.",
    )
    _promote_to_test(walk, digest)
    enter = f"goldenpath promote {short(digest)} --stage prod {acting('platform-engineer')}"
    walk.run(enter, expect=7)
    walk.claim("prod stays closed without approvals", not _is_in_prod(walk, digest))
    _approve(walk, digest)
    walk.run(enter)
    walk.claim("two approvals by people's own keys open prod", _is_in_prod(walk, digest))


def enter_as_canary(walk: Walk, digest: str) -> None:
    """Promote the challenger along the same path, with ten percent of the traffic first."""
    _promote_to_test(walk, digest)
    _approve(walk, digest)
    steps = "--canary 10,50,100"
    walk.run(
        f"goldenpath promote {short(digest)} --stage prod {steps} {acting('platform-engineer')}"
    )


def short(digest: str) -> str:
    """Return the part of a digest that a person types."""
    return digest[7:19]


def acting(person: str) -> str:
    """Return the options for a person and their own key."""
    return f"--as {person} --key keys/{person}"


def _promote_to_test(walk: Walk, digest: str) -> None:
    for stage in ("dev", "test"):
        walk.run(f"goldenpath promote {short(digest)} --stage {stage} {acting('data-scientist')}")


def _approve(walk: Walk, digest: str) -> None:
    for person in ("validator", "risk-manager"):
        walk.run(f"goldenpath approve {short(digest)} --stage prod {acting(person)}")


def _is_in_prod(walk: Walk, digest: str) -> bool:
    promoted = items(walk.ask("goldenpath events --kind release.promoted"))
    return any(at(each, "stage") == "prod" and at(each, "digest") == digest for each in promoted)


def _is_written(walk: Walk) -> bool:
    return any(
        "approved_by: " in file.read_text("utf-8")
        for file in (walk.folder / PROJECT / "compliance").rglob("*")
        if file.is_file()
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def month_file(month: str) -> Path:
    """Return the path of a month's exported rows, relative to the folder of the demo."""
    return Path("months") / f"{month}.parquet"

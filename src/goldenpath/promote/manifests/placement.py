"""`release.yaml`: how a release got into its stage, beside the manifest that Argo CD syncs."""

from collections.abc import Mapping
from itertools import pairwise

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.release.attest.statement import parse_time

_KEYS = {
    "version", "digest", "previous", "rolledBack", "source", "rollout", "approvals", "decision",
    "hold", "breakGlass", "judged",
}  # fmt: skip


def render_placement(placement: Placement) -> bytes:
    """The file; digests stand in scalar keys, so that other tools can move them too."""
    return render_yaml(
        {
            "version": 1,
            "digest": placement.digest.text,
            "previous": _text(placement.previous),
            "rolledBack": _text(placement.rolled_back),
            "source": {"repository": placement.repository, "commit": placement.commit},
            "rollout": {
                "steps": list(placement.rollout.steps),
                "criteria": dict(placement.rollout.criteria),
                "judge": placement.rollout.judge,
            },
            "approvals": [digest.text for digest in placement.approvals],
            "decision": _text(placement.decision),
            **({"hold": placement.hold} if placement.hold else {}),
            **({"judged": list(placement.judged)} if placement.judged else {}),
            **({"breakGlass": placement.glass.to_json()} if placement.glass else {}),
        }
    )


def parse_placement(content: bytes, what: str = "release.yaml") -> Placement:
    """The value of the file. Raises `InvalidInput` naming file and key."""
    value = parse_yaml(content, what)
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise InvalidInput(f"{what} has the unknown key {unknown[0]!r}")
    if value.get("version") != 1:
        raise InvalidInput(f"{what} has version {value.get('version')!r}, expected 1")
    digest = _digest(value, "digest", what)
    if digest is None:
        raise InvalidInput(f"{what} needs the key digest")
    source, rollout = value.get("source"), value.get("rollout")
    if not isinstance(source, dict) or not isinstance(rollout, dict):
        raise InvalidInput(f"{what} needs the mappings source and rollout")
    return Placement(
        digest=digest,
        previous=_digest(value, "previous", what),
        rolled_back=_digest(value, "rolledBack", what),
        repository=str(source.get("repository", "")),
        commit=str(source.get("commit", "")),
        rollout=_rollout(rollout, what),
        approvals=_digests(value.get("approvals", []), what),
        decision=_digest(value, "decision", what),
        hold=_hold(value.get("hold", ""), what),
        judged=_states(value.get("judged", []), what),
        glass=_glass(value.get("breakGlass"), what),
    )


def is_marked(content: bytes | None) -> bool:
    """Whether a release file may say that something is held: most do not and are not parsed."""
    return content is not None and any(word in content for word in (b"hold", b"breakGlass", b"\\"))


def check_steps(steps: tuple[int, ...], what: str) -> tuple[int, ...]:
    """`steps` if they rise and end at 100. Raises `InvalidInput`."""
    rising = all(left < right for left, right in pairwise(steps))
    if not steps or steps[-1] != 100 or steps[0] < 0 or not rising:
        shown = ", ".join(map(str, steps)) or "nothing"
        raise InvalidInput(f"{what} has the steps {shown}, expected rising numbers that end at 100")
    return steps


def _text(digest: Digest | None) -> str | None:
    return None if digest is None else digest.text


def _digest(value: Mapping[str, JsonValue], key: str, what: str) -> Digest | None:
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, str):
        raise InvalidInput(f"{what} has {key} {found!r}, expected a digest")
    return Digest(found)


def _hold(value: JsonValue, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} has hold {value!r}, expected the reason as a string")
    return value


def _glass(value: JsonValue, what: str) -> BreakGlass | None:
    if value is None:
        return None
    said = value if isinstance(value, dict) else {}
    by, reason, since, until = (said.get(key) for key in ("by", "reason", "since", "until"))
    if not (isinstance(by, str) and isinstance(reason, str)):
        raise InvalidInput(f"{what} has a breakGlass without by and reason")
    return BreakGlass(by, reason, parse_time(str(since)), parse_time(str(until)))


def _states(value: JsonValue, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{what} has judged that is not a list of strings")
    return tuple(str(each) for each in value)


def _digests(value: JsonValue, what: str) -> tuple[Digest, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{what} has approvals that are not a list of digests")
    return tuple(Digest(str(each)) for each in value)


def _rollout(value: Mapping[str, JsonValue], what: str) -> Rollout:
    steps, criteria = _steps(value.get("steps"), what), _criteria(value, what)
    judge = value.get("judge", "person")
    if judge not in ("person", "auto"):
        raise InvalidInput(f"{what} has rollout.judge {judge!r}, expected person or auto")
    return Rollout(steps, criteria, "auto" if judge == "auto" else "person")


def _steps(value: JsonValue, what: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise InvalidInput(f"{what} has rollout.steps that are not a list")
    steps = tuple(step for step in value if isinstance(step, int) and not isinstance(step, bool))
    if len(steps) != len(value):
        raise InvalidInput(f"{what} has rollout.steps that are not whole numbers")
    return check_steps(steps, what)


def _criteria(rollout: Mapping[str, JsonValue], what: str) -> Mapping[str, float]:
    value = rollout.get("criteria", {})
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} has rollout.criteria that are not a mapping")
    result = {}
    for name, limit in value.items():
        if not isinstance(limit, int | float) or isinstance(limit, bool):
            raise InvalidInput(f"{what} has rollout.criteria.{name} that is not a number")
        result[name] = float(limit)
    return result

"""The model of rights: what each holder of a key or an access can do alone, field by field.

`goldenpath sod` lists what this model leaves open. A generative test changes each field as each
holder, lets the real follower judge, and compares: whatever it accepts must be open here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from goldenpath.promote.manifests.commit_rights import is_guarded
from goldenpath.promote.platform.break_glass import may_use_break_glass
from goldenpath.promote.platform.platform import FILE, Platform, Stage
from goldenpath.promote.platform.toml_table import duration_text

HolderKind = Literal[
    "person",
    "machine",
    "witness",
    "build key",
    "admission key",
    "pusher",
    "registry writer",
    "caller",
]
RightOutcome = Literal["refused", "by right", "open"]
"""`refused` by a control; `by right`: the platform lets one holder do it; `open`: a path."""

TRUST = ("platform.toml", "policies", "argocd", "cluster")
"""What decides who and what is trusted, listeners and addresses included."""
SETTINGS = (
    "replicas", "scaling", "stop", "env", "memory", "labels", "annotations", "other field",
    "route", "form", "removal", "unreadable",
)  # fmt: skip
"""Fields of a deployment's files that are not a release or its share. `route` is where requests and
copies of them go, `form` whether there is a service for each release."""
RECORD = ("source", "rollout", "approvals", "decision", "previous", "rolledBack", "release removal")
"""Fields of a release file that say how a release came in."""
SHARES = ("percent", "going back")
RESTRICTIONS = ("hold", "judged")
REGISTRY = (
    "bytes", "signature", "evidence", "approval", "decision statement", "waiver", "tag",
    "list of statements", "deletion", "admission",
)  # fmt: skip
"""What can be pushed to the registry about a release, or deleted there."""
FOLLOWED_FILE, NOTE = "followed file", "note"
"""A file that a cluster, git or CI obeys, and one that nobody obeys, such as a README."""
ADMISSION = "admission"
"""The statement of a follower that it admitted a release, which policy engines ask for."""
DIGEST, BREAK_GLASS = "digest", "breakGlass"
ASK, METADATA, METRICS = "ask", "metadata", "metrics"
"""What a listener answers. Health is open to everybody, and says nothing else."""
GATEWAY, GRPC, SERVER, PAGE = "gateway", "gRPC", "model server", "metrics page"
LISTENERS: Mapping[str, tuple[str, ...]] = {
    GATEWAY: (ASK, METADATA, METRICS),
    GRPC: (ASK, METADATA),
    SERVER: (ASK, METADATA, METRICS),
    PAGE: (METRICS,),
}
"""What each listener of a machine that follows git answers."""
DOORS = tuple(
    f"{answer} at the {listener}" for listener, answers in LISTENERS.items() for answer in answers
)
FIELDS = (
    *TRUST, FOLLOWED_FILE, NOTE, DIGEST, *SHARES, *SETTINGS, *RECORD, *RESTRICTIONS, BREAK_GLASS,
    *REGISTRY, *DOORS,
)  # fmt: skip


_OF_WRITERS = {
    "bytes": "what nobody signed runs nowhere",
    "tag": "a tag is a name: every stage names digests",
    "list of statements": "statements that a commit names are read by their digest",
    "deletion": "what is gone starts nowhere anew; servers that run go on",
}
"""What somebody with access to the registry does without any key, and why it opens nothing."""
_OF_ACCESS = ("tag", "list of statements", "deletion")


@dataclass(frozen=True, slots=True)
class Right:
    """What one holder can do to one field of the last stage, or of what every stage relies on."""

    holder: HolderKind
    field: str
    outcome: RightOutcome
    by: str
    """The control that refuses it, or how it is open."""
    cure: str = ""
    """How to close an open one."""
    who: tuple[str, ...] = ()
    """Names of the holders, if only some of this kind have it."""


@dataclass(frozen=True, slots=True)
class RightsScene:
    """What the rights follow from."""

    platform: Platform
    is_set_up: bool
    """Whether set-up is over, so that two people have to agree to a change of trust."""

    @property
    def last(self) -> Stage:
        """The last stage, which is production."""
        return self.platform.stages[-1]


def rights(scene: RightsScene) -> tuple[Right, ...]:
    """Return the right of each kind of holder to each field."""
    return (
        *_of_people(scene),
        *_of_machines(),
        *_of_witnesses(),
        *_of_build_keys(),
        *_of_admission_keys(),
        *_of_strangers(),
        *_of_callers(scene.platform),
    )


def _of_people(scene: RightsScene) -> Iterator[Right]:
    platform, last = scene.platform, scene.last
    how = f"set-up is open: may change people, keys and stages in {FILE} alone, then promote"
    for field in TRUST:
        if scene.is_set_up:
            yield Right("person", field, "refused", "two people sign every change of trust")
        else:
            yield Right("person", field, "open", how, "goldenpath sod --seal")
    sealed = platform.two_people and is_guarded(last, platform)
    if scene.is_set_up:
        how = f"not sealed: may change settings of {last.name} alone, and files beside them"
    yield Right("person", NOTE, "by right", "nothing follows such a file")
    for field in (FOLLOWED_FILE, *SETTINGS, *RECORD):
        if sealed:
            yield Right("person", field, "refused", "two people sign it on a sealed platform")
        else:
            yield Right("person", field, "open", how, "goldenpath sod --seal")
    yield _digest(scene)
    for field in (*SHARES, *RESTRICTIONS):
        yield Right("person", field, "by right", "moves, holds and takes back what was admitted")
    yield _break_glass(scene)
    for field in ("bytes", "signature", "evidence"):
        yield Right("person", field, "refused", "only build keys sign facts about a release")
    for field in ("approval", "decision statement", "waiver"):
        how = "counts as one person, never as who wrote a part of it or who promotes"
        yield Right("person", field, "by right", how)
    yield Right("person", ADMISSION, "refused", "only the key of a follower signs it")
    yield from _without_access("person")
    for field in DOORS:
        yield Right("person", field, "refused", "a key opens no listener: a token does")


def _digest(scene: RightsScene) -> Right:
    last = scene.last
    if last.approvals == 0:
        how = f"{last.name} asks for no approval: who promotes decides alone"
        cure = f"set approvals to 1 or more for {last.name} in {FILE}"
        return Right("person", DIGEST, "open", how, cure)
    if not last.gates:
        how = f"{last.name} has no gates: admission asks for no decision there"
        return Right("person", DIGEST, "open", how, f"name gates for {last.name} in {FILE}")
    return Right("person", DIGEST, "refused", "admission judges the gates and counts approvers")


def _break_glass(scene: RightsScene) -> Right:
    last, rule = scene.last, scene.last.break_glass
    if rule is None:
        return Right("person", BREAK_GLASS, "refused", f"{last.name} has no rules for it")
    able = tuple(each.name for each in scene.platform.people if may_use_break_glass(each, rule))
    if rule.approvals > 0 or last.approvals == 0:
        return Right("person", BREAK_GLASS, "by right", "needs an approval beforehand", "", able)
    how = (
        f"may use break-glass in {last.name}: what passes its other gates is live for "
        f"{duration_text(rule.within)} before a second person must approve"
    )
    cure = f"set approvals to 1 in [stage.break-glass] of {last.name}"
    return Right("person", BREAK_GLASS, "open", how, cure, able)


def _of_machines() -> Iterator[Right]:
    allowed = (*SHARES, "judged")
    for field in FIELDS:
        if field in allowed:
            yield Right("machine", field, "by right", "takes a later step of a plan, or goes back")
        elif field in (*REGISTRY, *DOORS):
            yield Right("machine", field, "refused", "its key signs commits only")
        else:
            yield Right("machine", field, "refused", "a machine changes nothing else")


def _of_witnesses() -> Iterator[Right]:
    for field in FIELDS:
        if field in (*REGISTRY, *DOORS):
            how = "its key signs commits of the branch anchors only"
        else:
            how = "no commit of main counts that a witness signed"
        yield Right("witness", field, "refused", how)


def _of_build_keys() -> Iterator[Right]:
    yield from _without_access("build key")
    for field in FIELDS:
        if field in ("signature", "evidence"):
            how = "signs releases and facts; people approve what enters a stage"
            yield Right("build key", field, "by right", how)
        elif field in _OF_ACCESS:
            continue
        elif field == ADMISSION:
            how = "the key of a follower signs it, and no key is both"
            yield Right("build key", field, "refused", how)
        elif field in REGISTRY:
            yield Right("build key", field, "refused", "only people sign judgements")
        elif field in DOORS:
            yield Right("build key", field, "refused", "a key opens no listener: a token does")
        else:
            yield Right("build key", field, "refused", "a build key signs no commit")


def _of_admission_keys() -> Iterator[Right]:
    yield from _without_access("admission key")
    for field in FIELDS:
        if field == ADMISSION:
            how = "says what its follower admitted; no gate and no follower believes it"
            yield Right("admission key", field, "by right", how)
        elif field in _OF_ACCESS:
            continue
        elif field in REGISTRY:
            how = "is no build key and nobody's: it opens no gate"
            yield Right("admission key", field, "refused", how)
        elif field in DOORS:
            yield Right("admission key", field, "refused", "a key opens no listener: a token does")
        else:
            yield Right("admission key", field, "refused", "signs no commit")


def _without_access(holder: HolderKind) -> Iterator[Right]:
    """Yield what needs access to the registry, which no key of its own gives."""
    for field in _OF_ACCESS:
        yield Right(holder, field, "refused", "needs access to the registry, which is no key of it")


def _of_strangers() -> Iterator[Right]:
    for field in FIELDS:
        yield Right("pusher", field, "refused", "every commit is signed by a listed key")
        if field in _OF_ACCESS or field == "bytes":
            yield Right("registry writer", field, "by right", _OF_WRITERS[field])
        elif field in DOORS:
            how = "a listener asks the registry nothing about callers"
            yield Right("registry writer", field, "refused", how)
        else:
            how = "statements count by their signature"
            yield Right("registry writer", field, "refused", how)


def _of_callers(platform: Platform) -> Iterator[Right]:
    for field in FIELDS:
        if field not in DOORS:
            yield Right("caller", field, "refused", "a listener changes nothing of a release")
    yield from _at_gateway(platform)
    for field in _doors(SERVER):
        how = "only this machine reaches a model server, and it asks for the same tokens"
        yield Right("caller", field, "by right", how)
    for listener, flag in ((GRPC, "--grpc"), (PAGE, "--metrics")):
        how = f"listens nowhere unless up has {flag}; it asks for the same tokens"
        for field in _doors(listener):
            yield Right("caller", field, "by right", how)


def _doors(listener: str) -> tuple[str, ...]:
    return tuple(f"{answer} at the {listener}" for answer in LISTENERS[listener])


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine alone; a name may point anywhere, whatever it begins with."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _at_gateway(platform: Platform) -> Iterator[Right]:
    host = platform.gateway.rpartition(":")[0].strip("[]")
    if _is_loopback(host):
        for field in _doors(GATEWAY):
            yield Right("caller", field, "by right", "only this machine reaches the gateway")
        return
    how = (
        f"the gateway listens on {platform.gateway}: whether callers need a token is set where up "
        "runs, and could not be found out"
    )
    cure = "set GOLDENPATH_ACCESS_FILE and the TLS files there, or listen on loopback"
    for field in _doors(GATEWAY):
        yield Right("caller", field, "open", how, cure)

"""How a replay loads a release, who may open inputs for it, and how its result is signed."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from goldenpath.audit.events.event import Event
from goldenpath.audit.proofs.replay import Drawn, LoadRelease, ReplayModel
from goldenpath.audit.proofs.replay_statement import replay_statements
from goldenpath.audit.proofs.replayed_answer import ReplayedAnswer
from goldenpath.canonical import JsonValue
from goldenpath.compose.gitops_access import identity, statement_times, trusted
from goldenpath.compose.process_context import event_log, now, uv
from goldenpath.compose.signing import signer
from goldenpath.compose.stores import local_store, store_of
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.log.release_parts import parts_of
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import CodeSettings, ReleaseSource, ServerConfiguration
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import require_listed
from goldenpath.release.artifact.inspection import files_of
from goldenpath.release.artifact.pack import CONTRACT
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.launch_trust import trust_of
from goldenpath.serve.model.awaited_model import AwaitedModel
from goldenpath.serve.model.loaded_release import load
from goldenpath.serve.model.worker import Workplace
from goldenpath.times import timestamp

Purpose = Literal["replay", "trace", "groups"]
"""What inputs of persons are opened for."""
READER = "auditor"
"""The role that may open inputs of every stage. In its own stage each approver may as well."""


@contextmanager
def replay_loader(home: Home) -> Iterator[LoadRelease]:
    """Yield what loads a release as the model servers of this machine do: verified first.

    A model that is code runs in its own environment, made from the wheels of the release, and in
    its sandbox. It ends with the block.
    """
    known = trusted(home)
    trust = trust_of(release_policy(known.platform), statement_times(home, known)[0])
    folder = local_store(home, known.platform)
    stack = ExitStack()

    def loaded(release: str, model: str) -> ReplayModel:
        files = files_of(LayoutStore(folder), Digest(release), keep={CONTRACT})
        launch = ServerConfiguration(
            stage="",
            model=model,
            slot="",
            digest=release,
            replica=f"replay-{secrets.token_hex(6)}",
            source=ReleaseSource(str(folder)),
            trust=trust,
            listen="",
            spool="",
            code=CodeSettings(
                scratch=str(home.run / "replays"), uv=uv(), search=os.environ.get("PATH", "")
            ),
        )
        content = load(launch, now(), stack)
        contract, used = content.contract, content.model
        if isinstance(used, Workplace):
            used = AwaitedModel(used, contract, lambda line: None)
            stack.callback(used.close)
        parts = parts_of(contract, files)
        return ReplayModel(contract, parts, used, content.expected.differences)

    with stack:
        yield loaded


def open_inputs_for(
    home: Home,
    name: str | None,
    key: Path | None,
    *,
    purpose: Purpose,
    reason: str,
    what: Mapping[str, JsonValue],
) -> str:
    """Record that somebody opens inputs of persons, and return the name.

    `what` names the predictions or the draw, and the stage if it is one. Raises `InvalidInput` if
    `platform.toml` does not allow it. Nothing may be opened before this has returned.
    """
    platform, who = trusted(home).platform, identity(name, key)
    # A machine that is listed may replay a sample by itself, every night.
    person = require_listed(who, platform, now(), machines="seed" in what)
    stage = str(what.get("stage", ""))
    allowed = _roles(platform, stage)
    is_machine = person in platform.commit_keys
    if allowed and not is_machine and not allowed & set(person.roles):
        raise InvalidInput(
            f"{person.name} may not open inputs: expected one of the roles "
            f"{', '.join(sorted(allowed))}",
            hint="somebody with such a role has to do it; goldenpath person list shows them",
        )
    details: dict[str, JsonValue] = {**what, "purpose": purpose, "reason": reason}
    event_log(home).append(
        Event(timestamp(now()), "inputs.opened", person.name, stage, details=details)
    )
    return person.name


def _roles(platform: Platform, stage: str) -> set[str]:
    """Return the roles that may open inputs; empty if every listed person may."""
    stages = [each for each in platform.stages if stage in ("", each.name)]
    named = [set(each.approver_roles) for each in stages if each.approver_roles]
    # For all stages at once somebody needs a role of the strictest one.
    return {READER, *named[-1]} if named else set()


def sign_replay(home: Home, drawn: Drawn, answers: Sequence[ReplayedAnswer]) -> tuple[str, ...]:
    """Sign the result with the key of this machine and attach it to the releases.

    Returns the digest of each statement. Raises `NotFound` if a release is gone from the store.
    """
    store, moment = store_of(home, trusted(home).platform), now()
    digests = []
    for statement in replay_statements(drawn, answers):
        image = store.resolve(statement.subjects[0].text)
        digests.append(attach(store, image, statement, signer(home), now=moment).digest.text)
    return tuple(digests)

"""Chooses implementations by the scheme of a URI: the only place where the seams are filled."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from uv import find_uv_bin

from goldenpath.artifact.pack import CONTRACT
from goldenpath.artifact.unpack import open_release
from goldenpath.attest.verify import verify
from goldenpath.audit.evidence import Sources
from goldenpath.audit.log import EventLog
from goldenpath.audit.observed import event_of
from goldenpath.catalogue.process import Catalogue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.gateway.analysis import Criteria, Verdict
from goldenpath.gateway.rollout import verdicts
from goldenpath.gateway.sending import Sent, Wish, send_rows
from goldenpath.gateway.tally import Tally
from goldenpath.gitops.founding import Founded, Wishes, found
from goldenpath.gitops.identity import Identity, find_identity
from goldenpath.gitops.manifests import Survey, release_path, survey
from goldenpath.gitops.placement import parse_placement
from goldenpath.gitops.promotion import Desk
from goldenpath.gitops.trust import Trusted, follow
from goldenpath.gitops.worktree import Repository
from goldenpath.observe.launch import ObserverLaunch
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store
from goldenpath.project.contract import parse_contract
from goldenpath.promote.admission import release_policy
from goldenpath.promote.platform import FILE, Platform, parse_platform
from goldenpath.reconcile.admission import admit
from goldenpath.reconcile.inventory import Cell, compare
from goldenpath.reconcile.source import GitSource
from goldenpath.reconcile.status import Status, read_status
from goldenpath.registry.layout import LayoutStore
from goldenpath.settings import (
    GITOPS_VARIABLE,
    KEY_VARIABLE,
    OTLP_VARIABLE,
    PASSPHRASE_VARIABLE,
    TRACKING_VARIABLE,
    Home,
    project_environment,
    tool_environment,
)
from goldenpath.targets.local import LocalSettings
from goldenpath.targets.machine import Machine
from goldenpath.targets.sidecar import Sidecar
from goldenpath.targets.supervisor import (
    alone,
    is_held,
    start_detached,
    stop_supervisor,
    supervisor,
)

if TYPE_CHECKING:
    from goldenpath.build import Workshop

_REGISTRIES = ("oci", "oci+http", "oci+https")


def home() -> Home:
    """The home of the embedded defaults, as the environment and the working folder name it."""
    return Home.find(os.environ, Path.cwd())


def now() -> datetime:
    """This instant in UTC: the one clock of the verbs."""
    return datetime.now(UTC)


def event_log(home: Home) -> EventLog:
    """The audit log of this machine."""
    return EventLog(home.events)


def serve(home: Home, listen: str | None, *, once: bool, say: Callable[[str], None]) -> Status:
    """Runs this machine in the foreground, with everything that it starts and writes down.

    Raises `NotFound` if the machine was never set up, `InvalidInput` if another one runs.
    """
    source, log = GitSource(gitops(home), home.trust), event_log(home)
    with alone(home.run):
        platform = source.newest().platform
        store = store_uri(home, platform)
        settings = LocalSettings(
            run=home.run,
            store=Path(store.removeprefix("layout:")),
            spool=home.spool,
            listen=listen or platform.gateway,
            environment=tool_environment(os.environ),
            server=(sys.executable, "-m", "goldenpath.serve"),
            gateway=(sys.executable, "-m", "goldenpath.gateway"),
        )
        machine = Machine(
            settings,
            source,
            lambda platform, stage, digest, at: admit(
                open_store(store_uri(home, platform)), platform, stage, digest, at
            ),
            say=say,
            now=now,
            record=lambda what, commit: log.append(event_of(what, now(), commit)),
        )
        machine.attend(_observer(home, settings))
        return machine.serve(once=once)


def _observer(home: Home, settings: LocalSettings) -> Sidecar:
    launch = ObserverLaunch(
        home=str(home.root),
        store=str(settings.store),
        endpoint=os.environ.get(OTLP_VARIABLE, ""),
    )
    command = (sys.executable, "-m", "goldenpath.observe")
    log = settings.run / "logs" / "observer.log"
    return Sidecar("observer", command, settings.environment, log, lambda: launch)


def detach(home: Home, listen: str | None) -> Status:
    """Starts the machine in the background and waits until nothing is on its way."""
    options = ["--listen", listen] if listen else []
    command = [sys.executable, "-c", "from goldenpath.cli.main import main; main()", "up"]
    return start_detached(home.run, [*command, *options], os.environ)


def status(home: Home) -> tuple[Status, bool]:
    """What `up` published last, and whether it still runs. Raises `NotFound` if it never did."""
    found = read_status(home.run / "status.json")
    if found is None:
        raise NotFound("goldenpath up never ran here", hint="run goldenpath up")
    return found, is_held(home.run)


def await_status(home: Home, seconds: float) -> tuple[Status, bool]:
    """The status once `up` runs what git says now, or is stalled; at the latest after `seconds`."""
    head = gitops(home).fetch()
    wake(home)
    give_up = time.monotonic() + seconds
    while True:
        found, is_alive = status(home)
        is_there = found.commit == head and (found.is_ready or found.is_settled)
        if not is_alive or is_there or time.monotonic() > give_up:
            return found, is_alive
        time.sleep(0.05)


def canary_verdicts(home: Home, status: Status) -> Mapping[str, Mapping[str, Verdict]]:
    """What the judge says of each canary, by deployment and slot, from the gateway's counts."""
    if not any(len(each.running) > 1 for each in status.deployments):
        return {}
    trusted, wanted = desired(home)
    tallies = msgspec.convert(status.tallies or {}, dict[str, Tally])
    found = {}
    for each in wanted.deployments:
        path = release_path(each.stage, each.model)
        content = gitops(home).read(trusted.commit, path)
        rollout = parse_placement(content, path).rollout.criteria if content else {}
        found[each.name] = verdicts(each, tallies, Criteria.of(rollout))
    return {name: each for name, each in found.items() if each}


def stop(home: Home) -> bool:
    """Ends what `up` runs and waits for it; False if nothing ran."""
    return stop_supervisor(home.run)


def wake(home: Home) -> None:
    """Lets `up`, if it runs, look at git now instead of within a second."""
    found = supervisor(home.run)
    if found is not None:
        os.kill(found.process, signal.SIGHUP)


def desired(home: Home) -> tuple[Trusted, Survey]:
    """The newest commit that was trusted here, and what it wants to run."""
    source = GitSource(gitops(home), home.trust)
    trusted = source.newest()
    return trusted, survey(source.files(trusted.commit), trusted.platform)


def send(home: Home, stage: str, model: str, wish: Wish) -> Sent:
    """Sends rows of a table to a model through the gateway of this machine."""
    followed, wanted = desired(home)
    running, is_alive = status(home)
    if not (is_alive and running.gateway):
        raise Unavailable("the gateway does not run here", hint="start it with goldenpath up")
    name = f"{stage}/{model}"
    found = next((each for each in wanted.deployments if each.name == name), None)
    if found is None:
        known = ", ".join(each.name for each in wanted.deployments) or "nothing"
        raise NotFound(f"{name} is not declared: expected one of {known}")
    release = open_release(open_store(store_uri(home, followed.platform)), found.slots[0].digest)
    contract = parse_contract(release.files[CONTRACT])
    path = f"/{stage}/{model}/v2/models/{model}/infer"
    return send_rows(running.gateway, path, contract, wish, secrets.randbits(64))


def inventory(home: Home) -> tuple[Cell, ...]:
    """Every release that git wants or that runs, and whether git, registry and signature agree."""
    followed, wanted = desired(home)
    store = open_store(store_uri(home, followed.platform))
    running = status(home)[0] if is_held(home.run) else None

    def look(digest: Digest) -> tuple[bool, bool, str]:
        try:
            verified = verify(
                store,
                digest,
                release_policy(followed.platform),
                people=followed.platform.people,
                now=now(),
            )
        except NotFound as error:
            return False, False, error.message
        failed = [each.message for each in verified.findings if each.status == "fail"]
        return True, verified.holds, "; ".join(failed)

    return compare(wanted.deployments, running, look)


def catalogue(home: Home) -> Catalogue:
    """MLflow: the server that the environment names, else a database of this machine."""
    uri = os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{home.catalogue}"
    return Catalogue(uri, home.root / "mlflow")


def sources(home: Home, reference: str) -> tuple[Sources, Digest]:
    """Where all evidence is, and the release that `reference` names. Raises `NotFound`."""
    store, name = locate(reference, home)
    digest = store.resolve(name).digest
    return Sources(store, gitops(home), trusted(home), event_log(home)), digest


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all. Raises `Unavailable`."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with partial.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error


def is_up(home: Home) -> bool:
    """Whether `goldenpath up` runs on this machine now."""
    return supervisor(home.run) is not None


def tools() -> Mapping[str, str]:
    """The environment for uv and git: that of this process, with this Python to build on."""
    return project_environment(os.environ, sys.executable)


def uv() -> str:
    """The uv that was installed with us, else the one on the path."""
    try:
        return find_uv_bin()
    except FileNotFoundError:
        return "uv"


def open_store(uri: str, mounts: Iterable[str] = ()) -> Store:
    """The store of a URI: `layout:PATH`, or a repository of a registry by `oci://host/repository`.

    `oci://` speaks plain HTTP with this machine alone; `oci+http://` and `oci+https://` say which.
    `mounts` are other repositories of the same registry that may have a blob already.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "layout" and rest:
        return LayoutStore(Path(rest))
    if scheme in _REGISTRIES and rest.startswith("//"):
        # The HTTP client takes a while to import, and most verbs need none.
        from goldenpath.registry.connect import connect

        return connect(scheme, Reference.parse(rest[2:]), os.environ, mounts)
    raise InvalidInput(f"store {uri!r} is not known: expected layout:PATH or oci://host/repository")


def locate(text: str, home: Home, beside: str = "") -> tuple[Store, str]:
    """The store and the name in it that a reference on the command line means.

    `layout:PATH@NAME`, `oci://host/repository:tag`, `oci://host/repository@sha256:…`; a bare tag
    or digest is looked for in the home's registry. The name is empty if the reference has none.
    `beside` is the other end of a copy: blobs it has on the same registry need not travel.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "layout" and colon:
        path, at, name = rest.rpartition("@")
        if not at or "/" in name:
            path, name = rest, ""
        return open_store(f"layout:{path}"), name
    if scheme in _REGISTRIES and rest.startswith("//"):
        reference, other = Reference.parse(rest[2:]), beside.partition("://")[2]
        near = [Reference.parse(other)] if other else []
        mounts = [each.repository for each in near if each.host == reference.host]
        return open_store(text, mounts), reference.name or ""
    return LayoutStore(home.registry), text


def throwaway_store() -> Store:
    """An empty store in memory."""
    from goldenpath.registry.memory import MemoryStore

    return MemoryStore()


def oras_location(text: str, home: Home) -> str:
    """What `oras` takes in front of `@sha256:…` for the store that `locate` finds."""
    if text.startswith("layout:"):
        return f"--oci-layout {text.removeprefix('layout:').partition('@')[0]}"
    scheme, _, rest = text.partition("://")
    if scheme.startswith("oci") and rest:
        reference = Reference.parse(rest)
        return f"{reference.host}/{reference.repository}"
    return f"--oci-layout {home.registry}"


def gitops(home: Home) -> Repository:
    """The gitops repository: where the environment says, else the bare one in the home."""
    url = os.environ.get(GITOPS_VARIABLE) or str(home.gitops)
    return Repository(url, home.gitops_cache)


def trusted(home: Home) -> Trusted:
    """The newest commit of the gitops repository that counts, and its platform."""
    return follow(gitops(home), home.trust)


def identity(name: str | None, key: Path | None, *, make_key: bool = False) -> Identity:
    """Who acts, by flags, environment or git's own settings."""
    return find_identity(name, key, os.environ, make_key=make_key)


def set_up(home: Home, acting: Identity, wishes: Wishes) -> Founded:
    """Makes everything of a platform on this machine that is missing."""
    LayoutStore(home.registry)
    return found(home, gitops(home), acting, wishes, os.environ, now())


def commit_platform(
    home: Home, trusted: Trusted, files: Mapping[str, bytes], message: str, acting: Identity
) -> str:
    """Commits files that follow from `platform.toml`, if they are ones that would be followed."""
    parse_platform(files[FILE])
    return gitops(home).commit(trusted.commit, files, message, acting.name, acting.key, now())


def workshop(home: Home, work: Path, report: Callable[[str], None]) -> "Workshop":
    """What a build in the folder `work` works with. Raises `NotFound` without a platform."""
    from goldenpath.attest.keys import PemSigner, key_from_pem, public_pem
    from goldenpath.build import Workshop
    from goldenpath.train.run import train
    from goldenpath.train.source import read_source

    signer = PemSigner.load(
        Path(os.environ.get(KEY_VARIABLE) or home.keys / "release.pem"),
        os.environ.get(PASSPHRASE_VARIABLE),
    )
    platform = trusted(home).platform
    environment = tools()
    return Workshop(
        store=open_store(f"layout:{home.registry}"),
        signer=signer,
        key=key_from_pem("build", public_pem(signer)),
        repository=platform.registry_prefix,
        catalogue=lambda: catalogue(home),
        read_source=lambda project: read_source(Path(project.root), environment),
        train=lambda project: train(
            project,
            work,
            uv=uv(),
            now=now,
            report=report,
            tools=environment,
        ),
        clock=now,
        report=report,
    )


def store_uri(home: Home, platform: Platform) -> str:
    """The platform's store; a relative layout lies in the home, so that git names no machine."""
    scheme, _, path = platform.registry_store.partition(":")
    if scheme == "layout":
        return f"layout:{home.root / path}"
    return platform.registry_store


def desk(home: Home, acting: Identity) -> Desk:
    """Where `acting` judges and changes stages."""
    return Desk(gitops(home), home.trust, platform_store(home), acting, now)


def platform_store(home: Home) -> Store:
    """The store that the platform's stages run from."""
    return open_store(store_uri(home, trusted(home).platform))


def release(home: Home, reference: str) -> Digest:
    """The digest that a reference on the command line means. Raises `NotFound`."""
    store, name = locate(reference, home)
    return store.resolve(name).digest

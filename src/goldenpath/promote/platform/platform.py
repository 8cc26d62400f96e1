"""`platform.toml` as a value: stages in order, trusted keys, registry and gateway.

The file is in the gitops repository, so every change of trust is a signed commit with a history.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform import data_rules
from goldenpath.promote.platform.alarm_rules import (
    EVERY_FINDING,
    FINDINGS_GATE,
    AlarmChannel,
    FindingRules,
    ModelOwner,
    channel_lines,
    finding_rule_lines,
    owner_lines,
    read_channels,
    read_finding_rules,
    read_owner,
)
from goldenpath.promote.platform.break_glass import (
    BreakGlassRules,
    break_glass_lines,
    read_break_glass,
)
from goldenpath.promote.platform.build_rules import (
    ANY_BUILD,
    BuildRules,
    build_lines,
    read_build_rules,
)
from goldenpath.promote.platform.custom_gate import NamedGate, named_lines, read_named
from goldenpath.promote.platform.demands import (
    NO_STATEMENT_RULES,
    Demands,
    StatementRules,
    check_keys,
    check_people,
    demand_lines,
    key_lines,
    person_lines,
    read_build_key,
    read_demands,
    read_name,
    read_person,
    read_statement_rules,
    statement_lines,
)
from goldenpath.promote.platform.expression import Expression, expression_lines, read_expression
from goldenpath.promote.platform.forge_settings import (
    NO_CLUSTER,
    ClusterSettings,
    ForgeSettings,
    cluster_lines,
    forge_lines,
    read_cluster,
    read_forge,
)
from goldenpath.promote.platform.log_rules import NO_RULES as NO_LOG_RULES
from goldenpath.promote.platform.log_rules import LogRules, log_lines, read_log_rules
from goldenpath.promote.platform.model_limits import (
    RoleLimit,
    read_role_limit,
    role_limit_lines,
)
from goldenpath.promote.platform.toml_table import Table, duration_text, read_table, refuse_faults
from goldenpath.release.attest.policy import Person, TrustedKey
from goldenpath.stored_formats import PLATFORM

FILE = "platform.toml"
GATEWAY = "127.0.0.1:8080"
"""The default address of the gateway on one machine."""

WITNESS = "witness"
"""The role of a machine that may commit to the branch `anchors` only."""

URL = "https://git.example/platform/gitops.git"
"""A placeholder in the cluster's files until the repository has an address."""

GATES = (
    "evidence",
    "clean-source",
    "training",
    "checks",
    "scan",
    "thresholds",
    "threshold-order",
    "calibration",
    "fairness",
    "robustness",
    "statements",
    "data",
    "schema",
    "champion",
    "stage-before",
    "approvals",
)
"""The gates of a new platform's last stage, in the order of judging."""

EVERY_GATE = (*GATES[:-1], FINDINGS_GATE, data_rules.TEST_SETS_GATE, GATES[-1])
"""Every gate that a stage may name, in the order of judging."""

_PREFIX = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Freeze:
    """A period in which no new release enters a stage. Rollback stays possible."""

    start: datetime
    end: datetime
    reason: str


CanaryRefusals = Literal["canary", "stable"]
TrainingDemand = Literal["observed", "any"]
StableOutage = Literal["canary", "refuse"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage, such as `prod`, and what it demands of a release."""

    name: str
    gates: tuple[str, ...]
    approvals: int = 0
    """How many different people must approve; the author of the change does not count."""
    approver_roles: tuple[str, ...] = ()
    """Roles that may approve; empty allows every listed person."""
    soak: timedelta = timedelta(0)
    """How long a release must have been live in the previous stage."""
    freezes: tuple[Freeze, ...] = ()
    break_glass: BreakGlassRules | None = field(default=None, metadata={"json": "glass"})
    """None: break-glass is not allowed. `--output json` keeps the field's older name."""
    log: LogRules = NO_LOG_RULES
    canary_refusals: CanaryRefusals = "canary"
    """Whose answer a caller gets whom the canary refuses: its refusal, or the stable release's."""
    stable_outage: StableOutage = "canary"
    """Who answers while no server of the stable release can: its canary, or nobody (503)."""
    alarms: tuple[AlarmChannel, ...] = ()
    """Where its alarms go, beside the audit log."""
    training: TrainingDemand | None = None
    """Whether the build must have trained the model itself. None: in the last stage it must."""
    change_id: bool = False
    """Whether a release enters only with the trailer `Change: ID` of a change of the bank."""
    findings: FindingRules = EVERY_FINDING
    """Which open findings close the gate `findings`."""
    test_sets: data_rules.LookRules = data_rules.EVERY_LOOK
    """How much the looks at the data may flatter, for the gate `test-sets`."""

    def frozen(self, now: datetime) -> Freeze | None:
        """Return the freeze in force at `now`, if there is one."""
        return next((each for each in self.freezes if each.start <= now < each.end), None)


@dataclass(frozen=True, slots=True)
class Platform:
    """The content of `platform.toml`."""

    stages: tuple[Stage, ...]
    """In the order in which a release passes them."""
    registry_prefix: str
    """The start of every `storageUri`, without scheme: host and path before the model's name."""
    registry_store: str
    """The URI of the store behind it, for `goldenpath.compose.open_store`."""
    build_keys: tuple[TrustedKey, ...]
    """Keys of the machines that build and sign releases."""
    commit_keys: tuple[Person, ...]
    """SSH keys of the machines that may commit canary steps and rollbacks, and of witnesses."""
    people: tuple[Person, ...]
    gateway: str = GATEWAY
    url: str = URL
    """The address at which a cluster finds the gitops repository."""
    demands: Demands = field(default_factory=Demands)
    """What every release must show."""
    two_people: bool = False
    """Whether set-up is over, so that a change of trust needs two people."""
    expressions: tuple[Expression, ...] = ()
    """Gates that this platform defines in CEL."""
    named_gates: tuple[NamedGate, ...] = ()
    """Gates that this platform defines in Python packages of its own."""
    refused_licences: tuple[str, ...] = ()
    """SPDX licence names that no package of a release may have."""
    data: data_rules.DataRules = data_rules.NO_RULES
    """Rules for the data of every release."""
    build: BuildRules = ANY_BUILD
    """Rules for the confinement of every build."""
    forge: ForgeSettings | None = None
    """Where pull requests are opened if `main` accepts no push."""
    role_limits: tuple[RoleLimit, ...] = ()
    """Roles that count for some models only."""
    owners: tuple[ModelOwner, ...] = ()
    """Who answers for alarms, and by which runbook. The first that covers a model counts."""
    cluster: ClusterSettings = NO_CLUSTER
    """How a cluster that follows the repository is reached."""
    statements: StatementRules = NO_STATEMENT_RULES
    """How the texts of people are judged."""
    admission_keys: tuple[TrustedKey, ...] = ()
    """Keys of followers that sign what they admitted, and nothing else that counts."""

    def stage(self, name: str) -> Stage | None:
        """Return the stage of that name, or None."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def before(self, stage: Stage) -> Stage | None:
        """Return the previous stage, which a release must pass first; None for the first stage."""
        position = self.stages.index(stage)
        return self.stages[position - 1] if position else None

    def demands_observed(self, stage: Stage) -> bool:
        """Return whether the stage takes only models that the build trained itself."""
        if stage.training is None:
            return stage.name == self.stages[-1].name
        return stage.training == "observed"

    @property
    def own_gates(self) -> tuple[Expression | NamedGate, ...]:
        """Every gate that the file defines itself."""
        return (*self.expressions, *self.named_gates)

    @property
    def committers(self) -> tuple[Person, ...]:
        """Everybody whose signature on a commit of `main` is valid: people and machines."""
        return (*self.people, *(each for each in self.commit_keys if WITNESS not in each.roles))

    @property
    def witnesses(self) -> tuple[Person, ...]:
        """The keys that sign heads of logs on the branch `anchors`, and nothing else."""
        return tuple(each for each in self.commit_keys if WITNESS in each.roles)


def parse_platform(content: bytes, file: str = FILE) -> Platform:
    """Parse `platform.toml`. Raises `InvalidInput` that lists all its faults at once."""
    table = read_table(content, file)
    table.faults += PLATFORM.faults(table.count("version", 0), file)
    registry = table.table("registry")
    prefix, store = registry.text("prefix"), registry.text("store")
    if prefix and _PREFIX.fullmatch(prefix) is None:
        registry.fault("prefix", "a host and a path without scheme", prefix)
    registry.end()
    stage_names, actors, keys, own = set[str](), set[str](), set[str](), set[str]()
    roles = set[str]()
    gates = table.tables("gate")
    platform = Platform(
        stages=tuple(_stage(each, stage_names) for each in table.tables("stage")),
        registry_prefix=prefix,
        registry_store=store,
        build_keys=tuple(read_build_key(each, keys) for each in table.tables("build-key")),
        commit_keys=tuple(read_person(each, actors) for each in table.tables("machine")),
        people=tuple(read_person(each, actors) for each in table.tables("person")),
        gateway=table.text("gateway", GATEWAY),
        url=table.text("url", URL),
        demands=read_demands(table),
        two_people=table.flag("two-people"),
        refused_licences=table.texts("refused-licences"),
        expressions=tuple(
            read_expression(t, own, EVERY_GATE) for t in gates if not t.has("object")
        ),
        named_gates=tuple(read_named(t, own, EVERY_GATE) for t in gates if t.has("object")),
        data=data_rules.read_rules(table),
        build=read_build_rules(table.table("build")) if table.has("build") else ANY_BUILD,
        forge=read_forge(table.table("forge")) if table.has("forge") else None,
        role_limits=tuple(read_role_limit(each, roles) for each in table.tables("role")),
        owners=tuple(read_owner(each) for each in table.tables("owner")),
        cluster=read_cluster(table.table("cluster")) if table.has("cluster") else NO_CLUSTER,
        statements=read_statement_rules(table),
        admission_keys=tuple(read_build_key(each, keys) for each in table.tables("admission-key")),
    )
    table.end()
    _check_whole(platform, table)
    refuse_faults(table, file)
    return platform


def render_platform(platform: Platform) -> bytes:
    """Return the content of `platform.toml`, which parses back to the same value."""
    return "\n".join(_lines(platform)).encode()


def _stage(table: Table, names: set[str]) -> Stage:
    glass = read_break_glass(table.table("break-glass")) if table.has("break-glass") else None
    refusals = table.choice("canary-refusals", ("canary", "stable"))
    training = table.choice("training", ("observed", "any")) if table.has("training") else None
    outage = table.choice("stable-outage", ("canary", "refuse"))
    gates = table.texts("gates")
    stage = Stage(
        name=read_name(table, names),
        gates=gates,
        approvals=table.count("approvals", 0),
        approver_roles=table.texts("approver-roles"),
        soak=table.duration("soak"),
        freezes=tuple(filter(None, map(_freeze, table.tables("freeze")))),
        break_glass=glass,
        log=read_log_rules(table.table("log")) if table.has("log") else NO_LOG_RULES,
        canary_refusals="stable" if refusals == "stable" else "canary",
        stable_outage="refuse" if outage == "refuse" else "canary",
        alarms=read_channels(table.tables("alarm")),
        training=None if training is None else "any" if training == "any" else "observed",
        change_id=table.flag("change-id"),
        findings=read_finding_rules(table, gates),
        test_sets=data_rules.read_look_rules(table, gates),
    )
    table.end()
    return stage


def _freeze(table: Table) -> Freeze | None:
    start, end, reason = table.moment("from"), table.moment("until"), table.text("reason")
    table.end()
    if start is None or end is None or end <= start:
        table.fault("until", "a time after from", end)
        return None
    return Freeze(start, end, reason)


def _check_whole(platform: Platform, table: Table) -> None:
    if not platform.stages:
        table.faults.append("stage: expected at least one [[stage]]")
    elif not platform.stages[-1].gates:
        last = platform.stages[-1].name
        table.faults.append(f"stage {last}: expected gates, got none for the last stage")
    keys, others = platform.build_keys, platform.admission_keys
    check_people((*platform.people, *platform.commit_keys), table.faults, (*keys, *others))
    check_keys(keys, platform.demands.threshold, table.faults, others)
    _check_gates(platform, table)


def _check_gates(platform: Platform, table: Table) -> None:
    for own in platform.own_gates:
        for name in own.stages:
            if platform.stage(name) is None:
                table.faults.append(f"gate {own.name}: {name!r} is not a stage")
    for stage in platform.stages:
        for gate in stage.gates:
            if gate not in EVERY_GATE:
                known = ", ".join(EVERY_GATE)
                table.faults.append(
                    f"stage {stage.name}: {gate!r} is not a gate, expected one of {known}"
                )


def _lines(platform: Platform) -> Iterator[str]:
    yield "# Stages, trust and registry of this platform. Every change is a signed commit."
    yield f"version = {PLATFORM.version}"
    yield f"gateway = {quoted(platform.gateway)}"
    yield f"url = {quoted(platform.url)}"
    yield from demand_lines(platform.demands)
    if platform.two_people:
        yield "two-people = true"
    if platform.refused_licences:
        yield f"refused-licences = {listed(platform.refused_licences)}"
    yield from ("", "[registry]", f"prefix = {quoted(platform.registry_prefix)}")
    yield f"store = {quoted(platform.registry_store)}"
    yield from (*data_rules.rules_lines(platform.data), *build_lines(platform.build))
    yield from cluster_lines(platform.cluster)
    yield from statement_lines(platform.statements)
    for stage in platform.stages:
        yield from _stage_lines(stage)
    if platform.forge is not None:
        yield from forge_lines(platform.forge)
    yield from expression_lines(platform.expressions)
    yield from named_lines(platform.named_gates)
    yield from key_lines(platform.build_keys, platform.admission_keys)
    yield from (*role_limit_lines(platform.role_limits), *owner_lines(platform.owners))
    yield from person_lines("machine", platform.commit_keys)
    yield from person_lines("person", platform.people)
    yield ""


def _stage_lines(stage: Stage) -> Iterator[str]:
    yield from ("", "[[stage]]", f"name = {quoted(stage.name)}")
    yield from (f"gates = {listed(stage.gates)}", f"approvals = {stage.approvals}")
    yield f"approver-roles = {listed(stage.approver_roles)}"
    yield f"soak = {quoted(duration_text(stage.soak))}"
    if stage.canary_refusals != "canary":
        yield f"canary-refusals = {quoted(stage.canary_refusals)}"
    if stage.training is not None:
        yield f"training = {quoted(stage.training)}"
    yield from ["change-id = true"] if stage.change_id else []
    if stage.stable_outage != "canary":
        yield f"stable-outage = {quoted(stage.stable_outage)}"
    for freeze in stage.freezes:
        yield from ("", "[[stage.freeze]]", f"from = {freeze.start.isoformat()}")
        yield from (f"until = {freeze.end.isoformat()}", f"reason = {quoted(freeze.reason)}")
    yield from break_glass_lines(stage.break_glass)
    yield from (*finding_rule_lines(stage.findings), *data_rules.look_rule_lines(stage.test_sets))
    yield from (*log_lines(stage.log), *channel_lines(stage.alarms))

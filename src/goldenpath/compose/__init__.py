"""Chooses implementations by the scheme of a URI: the only place where the seams are filled.

A verb calls `compose.open_store(…)`, which imports what it needs only then. So a verb that only
asks git does not load the HTTP client, and `--help` loads nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenpath.compose.audits.advisory_job import scan_live as scan_live
    from goldenpath.compose.audits.advisory_job import sign_vex as sign_vex
    from goldenpath.compose.audits.advisory_job import vex_claim as vex_claim
    from goldenpath.compose.audits.advisory_job import vex_desk as vex_desk
    from goldenpath.compose.audits.batch_sources import batch_counts as batch_counts
    from goldenpath.compose.audits.change_command import check_change as check_change
    from goldenpath.compose.audits.health_sources import health as health
    from goldenpath.compose.audits.health_sources import performance as performance
    from goldenpath.compose.audits.health_sources import slice_shares as slice_shares
    from goldenpath.compose.audits.incident_sources import incident_desk as incident_desk
    from goldenpath.compose.audits.incident_sources import incidents as incidents
    from goldenpath.compose.audits.incident_sources import override_desk as override_desk
    from goldenpath.compose.audits.incident_sources import overrides as overrides
    from goldenpath.compose.audits.live_moments import live_moments as live_moments
    from goldenpath.compose.audits.live_moments import terms_reader as terms_reader
    from goldenpath.compose.audits.register_sources import deployment_use as deployment_use
    from goldenpath.compose.audits.register_sources import key_reach as key_reach
    from goldenpath.compose.audits.register_sources import note_commit as note_commit
    from goldenpath.compose.audits.register_sources import part_query as part_query
    from goldenpath.compose.audits.register_sources import platform_then as platform_then
    from goldenpath.compose.audits.register_sources import signed_records as signed_records
    from goldenpath.compose.audits.registry_upkeep import registry_upkeep as registry_upkeep
    from goldenpath.compose.audits.report_document import made_report as made_report
    from goldenpath.compose.audits.seen_report import seen_report as seen_report
    from goldenpath.compose.audits.statement_desk import fill_heads as fill_heads
    from goldenpath.compose.audits.statement_desk import statement_rows as statement_rows
    from goldenpath.compose.building import catalogue as catalogue
    from goldenpath.compose.building import data_cache as data_cache
    from goldenpath.compose.building import make_release as make_release
    from goldenpath.compose.building import project_faults as project_faults
    from goldenpath.compose.building import reproduction_tools as reproduction_tools
    from goldenpath.compose.building import sources as sources
    from goldenpath.compose.building import statement_scene as statement_scene
    from goldenpath.compose.building import uv_tools as uv_tools
    from goldenpath.compose.callers.model_callers import score as score
    from goldenpath.compose.callers.model_callers import send as send
    from goldenpath.compose.canary_judge import canaries as canaries
    from goldenpath.compose.canary_judge import judged as judged
    from goldenpath.compose.clusters.cluster_examination import cluster_status as cluster_status
    from goldenpath.compose.clusters.cluster_examination import examined as examined
    from goldenpath.compose.clusters.cluster_follower import FollowerOptions as FollowerOptions
    from goldenpath.compose.clusters.cluster_follower import cluster_follower as cluster_follower
    from goldenpath.compose.clusters.declared_scoring import declare_score_job as declare_score_job
    from goldenpath.compose.clusters.policy_trial import tried_policies as tried_policies
    from goldenpath.compose.consoles.console_changes import machine_changes as machine_changes
    from goldenpath.compose.consoles.console_changes import stages_of as stages_of
    from goldenpath.compose.consoles.console_listener import console_of_up as console_of_up
    from goldenpath.compose.consoles.console_listening import console_listening as console_listening
    from goldenpath.compose.consoles.console_source import console_source as console_source
    from goldenpath.compose.containers.copied_logs import anchor_copied_log as anchor_copied_log
    from goldenpath.compose.containers.fetching import fetch_release as fetch_release
    from goldenpath.compose.containers.imaging import ImageOptions as ImageOptions
    from goldenpath.compose.containers.imaging import make_base as make_base
    from goldenpath.compose.containers.imaging import make_image as make_image
    from goldenpath.compose.containers.imaging import move_pins as move_pins
    from goldenpath.compose.containers.serving import ServeOptions as ServeOptions
    from goldenpath.compose.containers.serving import serve_release as serve_release
    from goldenpath.compose.gitops_access import forge as forge
    from goldenpath.compose.gitops_access import gitops as gitops
    from goldenpath.compose.gitops_access import identity as identity
    from goldenpath.compose.gitops_access import last_names as last_names
    from goldenpath.compose.gitops_access import monitors_of as monitors_of
    from goldenpath.compose.gitops_access import name_refusal as name_refusal
    from goldenpath.compose.gitops_access import person as person
    from goldenpath.compose.gitops_access import platform_store as platform_store
    from goldenpath.compose.gitops_access import release as release
    from goldenpath.compose.gitops_access import release_or_newest as release_or_newest
    from goldenpath.compose.gitops_access import require_known as require_known
    from goldenpath.compose.gitops_access import seen as seen
    from goldenpath.compose.gitops_access import statement_times as statement_times
    from goldenpath.compose.gitops_access import trusted as trusted
    from goldenpath.compose.installation import self_verification as self_verification
    from goldenpath.compose.inventory_watch import desired as desired
    from goldenpath.compose.inventory_watch import inventory as inventory
    from goldenpath.compose.inventory_watch import registered as registered
    from goldenpath.compose.leaving.ejecting import eject as eject
    from goldenpath.compose.machines.machine_examination import (
        examined_machine as examined_machine,
    )
    from goldenpath.compose.platform_changes import change_trust as change_trust
    from goldenpath.compose.platform_changes import confirm as confirm
    from goldenpath.compose.platform_changes import convert as convert
    from goldenpath.compose.platform_changes import looks_of as looks_of
    from goldenpath.compose.platform_changes import set_up as set_up
    from goldenpath.compose.platform_changes import set_up_cluster as set_up_cluster
    from goldenpath.compose.platform_changes import workspace as workspace
    from goldenpath.compose.process_context import commit_events as commit_events
    from goldenpath.compose.process_context import event_log as event_log
    from goldenpath.compose.process_context import home as home
    from goldenpath.compose.process_context import now as now
    from goldenpath.compose.process_context import tools as tools
    from goldenpath.compose.process_context import uv as uv
    from goldenpath.compose.process_context import write_whole as write_whole
    from goldenpath.compose.proofs.erasing import erased as erased
    from goldenpath.compose.proofs.event_tree import export_tiles as export_tiles
    from goldenpath.compose.proofs.proving import proof_sources as proof_sources
    from goldenpath.compose.proofs.replaying import open_inputs_for as open_inputs_for
    from goldenpath.compose.proofs.replaying import replay_loader as replay_loader
    from goldenpath.compose.proofs.replaying import sign_replay as sign_replay
    from goldenpath.compose.release_comparison import compared as compared
    from goldenpath.compose.release_comparison import trust as trust
    from goldenpath.compose.renewals.renewing import RenewalWish as RenewalWish
    from goldenpath.compose.renewals.renewing import renewed as renewed
    from goldenpath.compose.signing import docker_reference as docker_reference
    from goldenpath.compose.signing import public_key as public_key
    from goldenpath.compose.signing import signer as signer
    from goldenpath.compose.stores import locate as locate
    from goldenpath.compose.stores import open_store as open_store
    from goldenpath.compose.stores import place as place
    from goldenpath.compose.stores import throwaway_store as throwaway_store
    from goldenpath.compose.supervision import Listening as Listening
    from goldenpath.compose.supervision import canary_verdicts as canary_verdicts
    from goldenpath.compose.supervision import detach as detach
    from goldenpath.compose.supervision import serve as serve
    from goldenpath.compose.up_client import await_status as await_status
    from goldenpath.compose.up_client import is_up as is_up
    from goldenpath.compose.up_client import silence as silence
    from goldenpath.compose.up_client import status as status
    from goldenpath.compose.up_client import stop as stop
    from goldenpath.compose.up_client import wake as wake
    from goldenpath.compose.witness import held as held
    from goldenpath.compose.witness import witness_key as witness_key

_PARTS = {
    "audits.advisory_job": ("scan_live", "sign_vex", "vex_claim", "vex_desk"),
    "audits.batch_sources": ("batch_counts",),
    "audits.change_command": ("check_change",),
    "consoles.console_changes": ("machine_changes", "stages_of"),
    "consoles.console_listener": ("console_of_up",),
    "consoles.console_listening": ("console_listening",),
    "consoles.console_source": ("console_source",),
    "audits.health_sources": ("health", "performance", "slice_shares"),
    "audits.incident_sources": ("incident_desk", "incidents", "override_desk", "overrides"),
    "audits.live_moments": ("live_moments", "terms_reader"),
    "audits.register_sources": (
        "deployment_use",
        "key_reach",
        "note_commit",
        "part_query",
        "platform_then",
        "signed_records",
    ),
    "audits.registry_upkeep": ("registry_upkeep",),
    "proofs.event_tree": ("export_tiles",),
    "containers.copied_logs": ("anchor_copied_log",),
    "witness": ("held", "witness_key"),
    "process_context": (
        "home",
        "now",
        "event_log",
        "commit_events",
        "tools",
        "uv",
        "write_whole",
    ),
    "stores": (
        "open_store",
        "locate",
        "throwaway_store",
        "place",
    ),
    "proofs.erasing": ("erased",),
    "proofs.proving": ("proof_sources",),
    "proofs.replaying": ("open_inputs_for", "replay_loader", "sign_replay"),
    "release_comparison": ("trust", "compared"),
    "platform_changes": (
        "change_trust",
        "confirm",
        "convert",
        "looks_of",
        "set_up",
        "set_up_cluster",
        "workspace",
    ),
    "gitops_access": (
        "forge",
        "gitops",
        "trusted",
        "seen",
        "statement_times",
        "identity",
        "last_names",
        "monitors_of",
        "name_refusal",
        "person",
        "platform_store",
        "release",
        "release_or_newest",
        "require_known",
    ),
    "canary_judge": ("canaries", "judged"),
    "clusters.cluster_follower": ("FollowerOptions", "cluster_follower"),
    "clusters.cluster_examination": ("cluster_status", "examined"),
    "clusters.declared_scoring": ("declare_score_job",),
    "clusters.policy_trial": ("tried_policies",),
    "supervision": ("Listening", "serve", "detach", "canary_verdicts"),
    "up_client": ("await_status", "is_up", "silence", "status", "stop", "wake"),
    "inventory_watch": ("desired", "inventory", "registered"),
    "containers.imaging": ("ImageOptions", "make_base", "make_image", "move_pins"),
    "installation": ("self_verification",),
    "audits.report_document": ("made_report",),
    "audits.seen_report": ("seen_report",),
    "audits.statement_desk": ("fill_heads", "statement_rows"),
    "building": (
        "catalogue",
        "data_cache",
        "make_release",
        "project_faults",
        "reproduction_tools",
        "sources",
        "statement_scene",
        "uv_tools",
    ),
    "callers.model_callers": ("score", "send"),
    "containers.fetching": ("fetch_release",),
    "containers.serving": ("ServeOptions", "serve_release"),
    "leaving.ejecting": ("eject",),
    "machines.machine_examination": ("examined_machine",),
    "renewals.renewing": ("RenewalWish", "renewed"),
    "signing": ("docker_reference", "public_key", "signer"),
}
_WHERE = {name: part for part, names in _PARTS.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)

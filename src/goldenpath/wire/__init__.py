"""Chooses implementations by the scheme of a URI: the only place where the seams are filled.

A verb says `wire.open_store(…)`; what that needs is imported then, so that a verb which only asks
git does not wait for the HTTP client, and `--help` waits for nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenpath.wire.changing import change_trust as change_trust
    from goldenpath.wire.changing import confirm as confirm
    from goldenpath.wire.changing import desk as desk
    from goldenpath.wire.changing import set_up as set_up
    from goldenpath.wire.comparing import compared as compared
    from goldenpath.wire.comparing import trust as trust
    from goldenpath.wire.evidence import catalogue as catalogue
    from goldenpath.wire.evidence import closed as closed
    from goldenpath.wire.evidence import depot as depot
    from goldenpath.wire.evidence import sources as sources
    from goldenpath.wire.evidence import workshop as workshop
    from goldenpath.wire.governing import forge as forge
    from goldenpath.wire.governing import gitops as gitops
    from goldenpath.wire.governing import identity as identity
    from goldenpath.wire.governing import last_names as last_names
    from goldenpath.wire.governing import person as person
    from goldenpath.wire.governing import platform_store as platform_store
    from goldenpath.wire.governing import release as release
    from goldenpath.wire.governing import trusted as trusted
    from goldenpath.wire.here import event_log as event_log
    from goldenpath.wire.here import home as home
    from goldenpath.wire.here import now as now
    from goldenpath.wire.here import tools as tools
    from goldenpath.wire.here import uv as uv
    from goldenpath.wire.here import write_whole as write_whole
    from goldenpath.wire.judging import judged as judged
    from goldenpath.wire.machine import Listening as Listening
    from goldenpath.wire.machine import canary_verdicts as canary_verdicts
    from goldenpath.wire.machine import detach as detach
    from goldenpath.wire.machine import send as send
    from goldenpath.wire.machine import serve as serve
    from goldenpath.wire.signing import docker_reference as docker_reference
    from goldenpath.wire.signing import public_key as public_key
    from goldenpath.wire.signing import signer as signer
    from goldenpath.wire.stock import desired as desired
    from goldenpath.wire.stock import inventory as inventory
    from goldenpath.wire.stock import registered as registered
    from goldenpath.wire.stores import locate as locate
    from goldenpath.wire.stores import open_store as open_store
    from goldenpath.wire.stores import place as place
    from goldenpath.wire.stores import store_uri as store_uri
    from goldenpath.wire.stores import throwaway_store as throwaway_store
    from goldenpath.wire.watching import await_status as await_status
    from goldenpath.wire.watching import is_up as is_up
    from goldenpath.wire.watching import silence as silence
    from goldenpath.wire.watching import status as status
    from goldenpath.wire.watching import stop as stop
    from goldenpath.wire.watching import wake as wake
    from goldenpath.wire.witness import anchors as anchors

_PARTS = {
    "witness": ("anchors",),
    "here": ("home", "now", "event_log", "tools", "uv", "write_whole"),
    "stores": (
        "open_store",
        "locate",
        "throwaway_store",
        "place",
        "store_uri",
    ),
    "comparing": ("trust", "compared"),
    "changing": ("change_trust", "confirm", "desk", "set_up"),
    "governing": (
        "forge",
        "gitops",
        "trusted",
        "identity",
        "last_names",
        "person",
        "platform_store",
        "release",
    ),
    "judging": ("judged",),
    "machine": ("Listening", "serve", "detach", "canary_verdicts", "send"),
    "watching": ("await_status", "is_up", "silence", "status", "stop", "wake"),
    "stock": ("desired", "inventory", "registered"),
    "evidence": ("catalogue", "closed", "depot", "sources", "workshop"),
    "signing": ("docker_reference", "public_key", "signer"),
}
_WHERE = {name: part for part, names in _PARTS.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)

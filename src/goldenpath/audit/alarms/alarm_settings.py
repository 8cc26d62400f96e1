"""The launch record and the settings of the process that delivers alarms."""

import msgspec

from goldenpath.promote.platform.alarm_rules import AlarmChannel, ModelOwner
from goldenpath.promote.platform.platform import Platform


class StageChannels(msgspec.Struct, frozen=True):
    """The channels of one stage."""

    stage: str
    channels: tuple[AlarmChannel, ...]


class AlarmSettings(msgspec.Struct, frozen=True):
    """A message to the running process: one line for each change of `platform.toml`."""

    stages: tuple[StageChannels, ...] = ()
    owners: tuple[ModelOwner, ...] = ()


class AlarmLaunch(msgspec.Struct, frozen=True):
    """The launch record; the process has no other configuration."""

    home: str
    secrets: str
    """Folder with a file for each channel's secret."""
    ca_file: str = ""
    """PEM file of authorities; empty: those of the system."""
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    """Names proxies."""
    otlp: dict[str, str] = msgspec.field(default_factory=dict)
    """The variables `OTEL_*`: audit events are sent as log records if they name a receiver."""
    interval: float = 1.0
    """Seconds between two looks at findings and the audit log."""


def alarm_settings(platform: Platform) -> AlarmSettings:
    """Return what `platform.toml` says about alarms."""
    stages = tuple(StageChannels(each.name, each.alarms) for each in platform.stages if each.alarms)
    return AlarmSettings(stages, platform.owners if stages else ())

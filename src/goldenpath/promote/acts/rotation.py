"""Build keys come, end and are revoked: what becomes of a platform. Pure but for its words."""

from dataclasses import replace
from datetime import UTC, datetime

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import TrustedKey

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Revoked as of then, a key never counted."""


def with_key(platform: Platform, key: TrustedKey) -> Platform:
    """The platform that trusts one key more.

    Raises `InvalidInput` for a name or a key that is listed: what a name signed stays its own.
    """
    for each in platform.build_keys:
        if each.name == key.name or each.public_key == key.public_key:
            raise InvalidInput(
                f"platform.toml lists the build key {each.name} already",
                hint="give a new key a new name",
            )
    return replace(platform, build_keys=(*platform.build_keys, key))


def ended(platform: Platform, name: str, moment: datetime) -> Platform:
    """The platform in which the key counts for what it signed before `moment`, and no more.

    Raises `InvalidInput` if no other key could sign afterwards.
    """
    key = _listed(platform, name)
    if key.valid_until is not None and key.valid_until <= moment:
        raise InvalidInput(f"the time of {name} ended on {key.valid_until.isoformat()} already")
    if key.valid_from is not None and moment <= key.valid_from:
        raise InvalidInput(f"the time of {name} begins on {key.valid_from.isoformat()} only")
    others = [each for each in platform.build_keys if each.name != name and _lasts(each, moment)]
    if len(others) < platform.demands.threshold:
        raise InvalidInput(
            f"without {name} too few keys could sign a release: {len(others)} of "
            f"{platform.demands.threshold}",
            hint="add the new key first: goldenpath key add NAME FILE.pub",
        )
    return _changed(platform, replace(key, valid_until=moment))


def revoked(platform: Platform, name: str, moment: datetime) -> Platform:
    """The platform in which nothing counts that the key says to have signed since `moment`.

    A later revocation than one that stands is refused: it would bring back what was taken away.
    """
    key = _listed(platform, name)
    if key.revoked_at is not None and key.revoked_at <= moment:
        raise InvalidInput(f"{name} is revoked since {key.revoked_at.isoformat()} already")
    return _changed(platform, replace(key, revoked_at=moment))


def require_trusted(platform: Platform, public_key: bytes, moment: datetime) -> None:
    """Raises `InvalidInput` if nothing would count that this key signs at `moment`."""
    key = next((each for each in platform.build_keys if each.public_key == public_key), None)
    if key is None:
        raise InvalidInput(
            "the signing key is no build key of platform.toml",
            hint="add it: goldenpath key add NAME FILE.pub",
        )
    if not _lasts(key, moment) or (key.valid_from is not None and moment < key.valid_from):
        raise InvalidInput(
            f"what the build key {key.name} signs now counts for nothing: its time is over, not "
            "begun, or it is revoked",
            hint="name another key in GOLDENPATH_SIGNING_KEY; see goldenpath key list",
        )


def _listed(platform: Platform, name: str) -> TrustedKey:
    for key in platform.build_keys:
        if key.name == name:
            return key
    known = ", ".join(key.name for key in platform.build_keys)
    raise NotFound(f"platform.toml lists no build key {name}", hint=f"it lists {known}")


def _lasts(key: TrustedKey, moment: datetime) -> bool:
    return key.revoked_at is None and (key.valid_until is None or key.valid_until > moment)


def _changed(platform: Platform, changed: TrustedKey) -> Platform:
    keys = (changed if key.name == changed.name else key for key in platform.build_keys)
    return replace(platform, build_keys=tuple(keys))

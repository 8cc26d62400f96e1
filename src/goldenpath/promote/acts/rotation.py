"""Changes of build keys: the platform after a key is added, ended or revoked."""

from dataclasses import replace
from datetime import UTC, datetime

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import TrustedKey

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""A key that is revoked as of this time was never valid."""


def with_key(platform: Platform, key: TrustedKey) -> Platform:
    """Return the platform with one more trusted key.

    Raises `InvalidInput` if the name or the key is listed already: a name never gets another key.
    """
    for listed in platform.build_keys:
        if listed.name == key.name or listed.public_key == key.public_key:
            raise InvalidInput(
                f"platform.toml lists the build key {listed.name} already",
                hint="give a new key a new name",
            )
    return replace(platform, build_keys=(*platform.build_keys, key))


def with_admission_key(platform: Platform, key: TrustedKey) -> Platform:
    """Return the platform in which the key signs which releases a follower admitted.

    Raises `InvalidInput` if the name or the key is listed already, for whatever it signs.
    """
    for listed in (*platform.build_keys, *platform.admission_keys):
        if listed.name == key.name or listed.public_key == key.public_key:
            raise InvalidInput(
                f"platform.toml lists the key {listed.name} already",
                hint="make a key that signs nothing else, and give it a new name",
            )
    return replace(platform, admission_keys=(*platform.admission_keys, key))


def require_admission_key(platform: Platform, public_key: bytes, moment: datetime) -> None:
    """Raise `InvalidInput` if engines would not count an admission by this key at `moment`."""
    key = next((each for each in platform.admission_keys if each.public_key == public_key), None)
    if key is None:
        raise InvalidInput(
            "the key is not an admission key of platform.toml",
            hint="list it: goldenpath key admit NAME FILE.pub",
        )
    if not _counts(key, moment):
        raise InvalidInput(
            f"the admission key {key.name} is not valid now: it has expired, is not valid yet, or "
            "is revoked",
            hint="list a new one: goldenpath key admit NAME FILE --make-key",
        )


def ended(platform: Platform, name: str, moment: datetime) -> Platform:
    """Return the platform in which the key is valid for what it signed before `moment` only.

    Raises `InvalidInput` if too few other keys could sign afterwards.
    """
    key = _listed(platform, name)
    if key.valid_until is not None and key.valid_until <= moment:
        raise InvalidInput(f"the key {name} expired on {key.valid_until.isoformat()} already")
    if key.valid_from is not None and moment <= key.valid_from:
        raise InvalidInput(f"the key {name} is valid only from {key.valid_from.isoformat()} on")
    others = [each for each in platform.build_keys if each.name != name and _lasts(each, moment)]
    if len(others) < platform.demands.threshold:
        raise InvalidInput(
            f"without {name} too few keys could sign a release: {len(others)} of "
            f"{platform.demands.threshold}",
            hint="add the new key first: goldenpath key add NAME FILE.pub",
        )
    return _changed(platform, replace(key, valid_until=moment))


def revoked(platform: Platform, name: str, moment: datetime) -> Platform:
    """Return the platform in which the key's signatures dated `moment` or later are not valid.

    A time after the present revocation is refused: it would make signatures valid again.
    """
    key = _listed(platform, name)
    if key.revoked_at is not None and key.revoked_at <= moment:
        raise InvalidInput(f"{name} is revoked since {key.revoked_at.isoformat()} already")
    return _changed(platform, replace(key, revoked_at=moment))


def require_trusted(platform: Platform, public_key: bytes, moment: datetime) -> None:
    """Raise `InvalidInput` if a signature by this key at `moment` would not be valid."""
    key = next((each for each in platform.build_keys if each.public_key == public_key), None)
    if key is None:
        raise InvalidInput(
            "the signing key is not a build key of platform.toml",
            hint="add it: goldenpath key add NAME FILE.pub",
        )
    if not _counts(key, moment):
        raise InvalidInput(
            f"the build key {key.name} is not valid now: it has expired, is not valid yet, or is "
            "revoked",
            hint="name another key in GOLDENPATH_SIGNING_KEY; see goldenpath key list",
        )


def _listed(platform: Platform, name: str) -> TrustedKey:
    for key in platform.build_keys:
        if key.name == name:
            return key
    known = ", ".join(key.name for key in platform.build_keys)
    raise NotFound(f"platform.toml lists no build key {name}", hint=f"it lists {known}")


def _counts(key: TrustedKey, moment: datetime) -> bool:
    return _lasts(key, moment) and (key.valid_from is None or moment >= key.valid_from)


def _lasts(key: TrustedKey, moment: datetime) -> bool:
    return key.revoked_at is None and (key.valid_until is None or key.valid_until > moment)


def _changed(platform: Platform, changed: TrustedKey) -> Platform:
    keys = (changed if key.name == changed.name else key for key in platform.build_keys)
    return replace(platform, build_keys=tuple(keys))

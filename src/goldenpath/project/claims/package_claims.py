"""Versions of Python and of packages in a text, compared with the bill of materials."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.sentences import Sentence

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "catboost": ("catboost",),
    "jax": ("jax",),
    "keras": ("keras", "tensorflow"),
    "lightgbm": ("lightgbm",),
    "numpy": ("numpy",),
    "onnx runtime": ("onnxruntime",),
    "onnxmltools": ("onnxmltools",),
    "onnxruntime": ("onnxruntime",),
    "pandas": ("pandas",),
    "polars": ("polars",),
    "pyarrow": ("pyarrow",),
    "pyspark": ("pyspark",),
    "pytorch": ("torch",),
    "scikit-learn": ("scikit-learn",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "skl2onnx": ("skl2onnx",),
    "statsmodels": ("statsmodels",),
    "tensorflow": ("tensorflow",),
    "xgboost": ("xgboost",),
}
"""Libraries as people call them, and the packages that hold them."""
_VERSION = r"(?P<version>\d+(?:\.\d+)+(?:\.\*)?)"
_MORE = r"(?P<more>\s?\+|\s+(?:or|and)\s+(?:later|newer|above|higher|up)|\s*upwards?)?"
_LINK = r"[\s`(]*(?:==|>=|~=|[=:]|version|release|v\.?)?[\s`(]*"
_PYTHON = re.compile(
    rf"\b(?:c?python){_LINK}(?P<version>\d+\.\d+(?:\.\d+)*){_MORE}(?![\w.]*\d)", re.IGNORECASE
)
_NOT_USED = re.compile(
    r"\b(?:no|not|never|nor|neither|without|instead|rather|unlike|tried|considered|compared|than"
    r"|alternatives?|rejected|previous(?:ly)?|former(?:ly)?|replaced|earlier|before|against|could"
    r"|would|such as|e\.g)\b",
    re.IGNORECASE,
)
_CURE = "write what the bill of materials says, or leave it out: the report prints its packages"


def _spelled(names: Iterable[str]) -> list[str]:
    """Return a pattern for each name; spaces and dashes may be left out or be underscores."""
    return [re.sub(r"\\[ -]", r"[\\s_-]?", re.escape(name)) for name in names]


def package_faults(file: str, sentence: Sentence, facts: ReleaseFacts) -> Iterator[Fault]:
    """Yield the versions and libraries of a sentence that the release does not have."""
    text = sentence.text
    for match in _PYTHON.finditer(text):
        if facts.python and not _is_about_others(match, text) and not _fits(match, facts.python):
            expected = f"Python {facts.python}, by which the release was built"
            yield Fault(file, sentence.place, expected, repr(match.group().strip()), _CURE)
    if facts.packages is None:
        return
    versions = {name.lower(): version for name, version in facts.packages}
    for match in (*_LIBRARY.finditer(text), *_own(tuple(sorted(versions))).finditer(text)):
        if _is_about_others(match, text) or _is_in_code(match, text):
            continue
        packages = _packages(match["name"], versions)
        if not packages:
            expected = "a package of the bill of materials"
            yield Fault(file, sentence.place, expected, repr(match["name"]), _CURE)
        elif match["version"] and not any(_fits(match, versions[name]) for name in packages):
            listed = ", ".join(f"{name} {versions[name]}" for name in packages)
            expected = f"{listed}, as in the bill of materials"
            yield Fault(file, sentence.place, expected, repr(match.group().strip()), _CURE)


def _packages(name: str, versions: Mapping[str, str]) -> list[str]:
    """Return the packages of the release that a name may mean: `torch` for `PyTorch`."""
    plain = re.sub(r"[\s_]+", "-", name.lower())
    wanted = _ALIASES.get(" ".join(name.lower().split()), (plain,))
    return [
        package
        for package in versions
        if any(package == each or package.startswith(f"{each}-") for each in wanted)
        and (package in wanted or not any(each in versions for each in wanted))
    ]


def _fits(match: "re.Match[str]", version: str) -> bool:
    """Whether a version as written, such as `3.11` or `1.5+`, is the true one."""
    written = match["version"].removesuffix(".*").split(".")
    true = re.split(r"[.+-]", version)
    if match["more"] or ">=" in match.group():
        return _numbers(true) >= _numbers(written)
    shared = min(len(written), len(true))
    return shared > 0 and written[:shared] == true[:shared]


def _numbers(parts: list[str]) -> list[int]:
    return [int(part) if part.isdecimal() else 0 for part in parts]


def _is_about_others(match: "re.Match[str]", text: str) -> bool:
    """Whether the clause around a name speaks of what the release does not use."""
    before = re.split(r"[,;:(]", text[: match.start()])[-1]
    after = re.split(r"[,;)]", text[match.end() :])[0]
    return _NOT_USED.search(f"{before} {after}") is not None


def _is_in_code(match: "re.Match[str]", text: str) -> bool:
    """Whether the name is a part of a longer one, such as a path or an address."""
    return re.search(r"[/.@\w-]$", text[: match.start()]) is not None


_LIBRARY = re.compile(
    rf"(?<![\w.-])(?P<name>{'|'.join(_spelled(sorted(_ALIASES, key=len, reverse=True)))})(?![\w-])"
    rf"(?:{_LINK}{_VERSION}{_MORE}(?![\w%]|\.\d))?",
    re.IGNORECASE,
)


@lru_cache(maxsize=16)
def _own(packages: tuple[str, ...]) -> "re.Pattern[str]":
    """Return the pattern of the release's packages, with a version right behind the name.

    A package may have the name of an English word, so the name alone says nothing.
    """
    names = sorted((each for each in packages if each not in _ALIASES), key=len, reverse=True)
    named = "|".join(_spelled(names)) or r"(?!)"
    return re.compile(
        rf"(?<![\w.-])(?P<name>{named})(?![\w-])[\s`]*(?:==|~=|>=|version|v(?=\d))[\s`]*"
        rf"{_VERSION}{_MORE}(?![\w%]|\.\d)",
        re.IGNORECASE,
    )

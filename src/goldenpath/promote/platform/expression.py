"""Gates that a platform writes itself: `[[gate]]` in `platform.toml`, in CEL over the evidence.

CEL (Common Expression Language) has no loops, no effects and no clock of its own. What could still
take long is refused when the file is read: long expressions, and more than two nested looks over
lists. There each expression is also tried on an example, so that a wrong name is found before a
release meets it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.toml_table import Table
from goldenpath.promote.platform.vocabulary import EXAMPLE, OPEN
from goldenpath.release.attest.policy import Finding

MAX_LENGTH = 1000
MAX_MACROS = 2
"""Looks over a list in one expression; two nested ones over all metrics take milliseconds."""

_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)?")
_NAMED = re.compile(r"\b(\w+)\s*(?:\.\s*(\w+)|\[\s*(?:\"([^\"]+)\"|'([^']+)')\s*\])")


@dataclass(frozen=True, slots=True)
class Expression:
    """A gate in CEL: where `when` holds, `require` has to hold as well."""

    name: str
    stages: tuple[str, ...]
    require: str
    when: str = "true"
    cure: str = ""

    def judge(self, facts: Mapping[str, object]) -> Finding:
        """The answer; what cannot be said of this release is a failure and never a pass."""
        cure = self.cure or f"make this hold: {self.require}"
        try:
            if not _truth(self.when, facts):
                said = f"applies only when {self.when}"
                return Finding(self.name, "not applicable", said)
            holds = _truth(self.require, facts)
        except InvalidInput as error:
            return Finding(self.name, "fail", error.message, cure)
        if holds:
            return Finding(self.name, "pass", f"holds: {self.require}")
        return Finding(self.name, "fail", f"does not hold: {self.require}", cure)


def read_expression(table: Table, names: set[str], taken: tuple[str, ...]) -> Expression:
    """One `[[gate]]`; its faults go to the table."""
    expression = Expression(
        name=table.text("name"),
        stages=table.texts("stages"),
        require=table.text("require"),
        when=table.text("when", "true"),
        cure=table.text("cure", "") if table.has("cure") else "",
    )
    table.end()
    if expression.name in names or expression.name in taken:
        table.fault("name", "a name that no other gate has", expression.name)
    names.add(expression.name)
    if not expression.stages:
        table.fault("stages", "at least one stage", "nothing")
    for key, text in (("when", expression.when), ("require", expression.require)):
        for fault in _faults(text) if text else ():
            table.faults.append(f"{table.where}{key}: {fault}")
    return expression


def _faults(text: str) -> Iterator[str]:
    """What is wrong with an expression, as far as that can be told without a release."""
    import cel

    if len(text) > MAX_LENGTH:
        yield f"expected at most {MAX_LENGTH} characters, got {len(text)}"
        return
    if len(_MACRO.findall(text)) > MAX_MACROS:
        yield f"expected at most {MAX_MACROS} of all, exists, exists_one, map and filter"
        return
    try:
        program = cel.compile(text)
    except ValueError as error:
        yield f"is not CEL: {' '.join(str(error).split())[:200]}"
        return
    bound = set(_MACRO.findall(text))
    unknown = [name for name in program.variables() if name not in EXAMPLE and name not in bound]
    if unknown:
        near = get_close_matches(unknown[0], list(EXAMPLE), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield f"{unknown[0]!r} is not known, expected one of {', '.join(EXAMPLE)}{hint}"
        return
    yield from _tried(text)


def _tried(text: str) -> Iterator[str]:
    import cel

    try:
        found = cel.compile(text).execute(_example(text))
    except KeyError as error:
        yield f"there is no member {error}"
    except RuntimeError as error:
        yield str(error)[:200]
    except TypeError as error:
        # Whoever writes a parameter chooses its type, so the example cannot know it.
        if "parameters" not in text:
            yield str(error)[:200]
    except (ArithmeticError, IndexError, ValueError):
        return  # About the values of the example and not about the expression.
    else:
        if not isinstance(found, bool):
            yield f"gives {type(found).__name__}, expected true or false"


def _example(text: str) -> dict[str, object]:
    """The example, with the metrics and parameters that the expression names."""
    facts: dict[str, object] = dict(EXAMPLE)
    for owner, *members in _NAMED.findall(text):
        name = next((each for each in members if each), "")
        if owner in OPEN and name:
            content = facts[owner]
            facts[owner] = {**(content if isinstance(content, dict) else {}), name: OPEN[owner]}
    return facts


def _truth(text: str, facts: Mapping[str, object]) -> bool:
    import cel

    try:
        found = cel.compile(text).execute(dict(facts))
    except KeyError as error:
        raise InvalidInput(f"this release has no {error}: {text}") from error
    except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError) as error:
        raise InvalidInput(f"{' '.join(str(error).split())[:200]}: {text}") from error
    if not isinstance(found, bool):
        raise InvalidInput(f"gives {type(found).__name__}, expected true or false: {text}")
    return found

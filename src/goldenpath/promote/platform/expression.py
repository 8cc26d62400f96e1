"""Gates that a platform defines as CEL expressions: `[[gate]]` in `platform.toml`.

CEL (Common Expression Language) has no loops, no effects and no clock. Expressions that could take
long are refused when the file is read: long ones, and those with more than two list macros. Each
expression is also evaluated on an example, so that a wrong name is reported then.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from goldenpath.errors import InvalidInput, did_you_mean
from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform.toml_table import Table
from goldenpath.promote.platform.vocabulary import EXAMPLE, OPEN
from goldenpath.release.attest.policy import Finding

MAX_LENGTH = 1000
MAX_MACROS = 2
"""List macros in one expression. Two nested ones over all metrics take milliseconds."""

_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)?")
_NAMED = re.compile(r"\b(\w+)\s*(?:\.\s*(\w+)|\[\s*(?:\"([^\"]+)\"|'([^']+)')\s*\])")


@dataclass(frozen=True, slots=True)
class Expression:
    """A gate in CEL: if `when` is true, `require` must be true too."""

    name: str
    stages: tuple[str, ...]
    require: str
    when: str = "true"
    cure: str = ""

    def judge(self, facts: Mapping[str, object]) -> Finding:
        """Return the finding. An expression that cannot be evaluated is a failure."""
        cure = self.cure or f"make this hold: {self.require}"
        try:
            if not _truth(self.when, facts):
                return Finding(self.name, "not applicable", f"applies only when {self.when}")
            holds = _truth(self.require, facts)
        except InvalidInput as error:
            return Finding(self.name, "fail", error.message, cure)
        if holds:
            return Finding(self.name, "pass", f"holds: {self.require}")
        return Finding(self.name, "fail", f"does not hold: {self.require}", cure)


def read_expression(table: Table, names: set[str], taken: tuple[str, ...]) -> Expression:
    """Read one `[[gate]]`. Faults are added to the table."""
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
    """Yield the faults of an expression that can be found without a release."""
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
        near = did_you_mean(unknown[0], EXAMPLE)
        hint = f"; {near}" if near else ""
        yield f"{unknown[0]!r} is not known, expected one of {', '.join(EXAMPLE)}{hint}"
        return
    yield from _trial_faults(text)


def _trial_faults(text: str) -> Iterator[str]:
    """Yield what goes wrong when the expression is evaluated on the example."""
    import cel

    try:
        result = cel.compile(text).execute(_example(text))
    except KeyError as error:
        yield f"there is no member {error}"
    except RuntimeError as error:
        yield str(error)[:200]
    except TypeError as error:
        # A project chooses the types of its parameters, so the example cannot know them.
        if "parameters" not in text:
            yield str(error)[:200]
    except (ArithmeticError, IndexError, ValueError):
        return  # A fault of the example's values, not of the expression.
    else:
        if not isinstance(result, bool):
            yield f"expected true or false, got {type(result).__name__}"


def _example(text: str) -> dict[str, object]:
    """Return the example, extended by the metrics and parameters that the expression names."""
    facts: dict[str, object] = dict(EXAMPLE)
    for owner, *members in _NAMED.findall(text):
        name = next((each for each in members if each), "")
        if owner in OPEN and name:
            content = facts[owner]
            facts[owner] = {**(content if isinstance(content, dict) else {}), name: OPEN[owner]}
    return facts


def expression_lines(expressions: Iterable[Expression]) -> Iterator[str]:
    """Yield a TOML table for each expression."""
    for gate in expressions:
        yield from ("", "[[gate]]", f"name = {quoted(gate.name)}")
        yield f"stages = {listed(gate.stages)}"
        yield f"when = {quoted(gate.when)}"
        yield f"require = {quoted(gate.require)}"
        if gate.cure:
            yield f"cure = {quoted(gate.cure)}"


def _truth(text: str, facts: Mapping[str, object]) -> bool:
    import cel

    try:
        result = cel.compile(text).execute(dict(facts))
    except KeyError as error:
        raise InvalidInput(f"this release has no {error}: {text}") from error
    except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError) as error:
        raise InvalidInput(f"{' '.join(str(error).split())[:200]}: {text}") from error
    if not isinstance(result, bool):
        raise InvalidInput(f"expected true or false, got {type(result).__name__}: {text}")
    return result

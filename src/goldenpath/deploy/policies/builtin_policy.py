"""Evaluates ValidatingAdmissionPolicies as an API server does: the very files, without a cluster.

Only what our policies use is understood, and everything else is refused by name: a policy that was
read wrongly would judge wrongly. An expression that fails counts as "no" (`failurePolicy: Fail`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.errors import InvalidInput

KIND = "ValidatingAdmissionPolicy"
_SPEC = {
    "failurePolicy", "matchConstraints", "matchConditions", "paramKind", "validations", "variables",
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., object]] = {"split": str.split, "replace": str.replace}
"""The functions of Kubernetes that our policies use and the CEL interpreter lacks."""


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """An object that somebody wants to create."""

    group: str
    version: str
    resource: str
    item: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One validation of a policy. Its message is its name, and no two rules share one."""

    policy: str
    message: str
    expression: str


@dataclass(frozen=True, slots=True)
class BuiltinPolicy:
    """One ValidatingAdmissionPolicy of the platform."""

    name: str
    matched: tuple[Mapping[str, JsonValue], ...]
    excluded: tuple[Mapping[str, JsonValue], ...]
    conditions: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    rules: tuple[FieldRule, ...]

    def matches(self, request: AdmissionRequest) -> bool:
        """Whether the policy is about the resource."""
        return _is_listed(self.matched, request) and not _is_listed(self.excluded, request)


@dataclass(frozen=True, slots=True)
class FieldRefusal:
    """A rule that refuses an object, and the fault if it could not be evaluated."""

    rule: FieldRule
    fault: str = ""


def read_policies(documents: Iterable[Mapping[str, JsonValue]]) -> tuple[BuiltinPolicy, ...]:
    """Return the policies among YAML documents. Raises `InvalidInput` for one not understood."""
    return tuple(_policy(each) for each in documents if each.get("kind") == KIND)


def refusals(
    policies: Iterable[BuiltinPolicy],
    request: AdmissionRequest,
    parameters: Mapping[str, str],
    without: str = "",
) -> Iterator[FieldRefusal]:
    """Yield each rule that refuses the object, but the one with the message `without`.

    `parameters` is the data of the ConfigMap that policies name.
    """
    for policy in policies:
        if not policy.matches(request):
            continue
        facts = _Facts(policy, request.item, parameters)
        if not all(facts.truth(each) is True for each in policy.conditions):
            continue
        for rule in policy.rules:
            if rule.message == without:
                continue
            answer = facts.truth(rule.expression)
            if answer is not True:
                yield FieldRefusal(rule, answer if isinstance(answer, str) else "")


@dataclass(slots=True)
class _Facts:
    """What the expressions of a policy may name; a variable is computed when it is first named."""

    policy: BuiltinPolicy
    item: Mapping[str, JsonValue]
    parameters: Mapping[str, str]
    known: dict[str, object] = field(default_factory=dict)

    def truth(self, expression: str) -> bool | str:
        """Return the answer of an expression, or why it has none."""
        try:
            value = self._value(expression)
        except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError) as error:
            return " ".join(str(error).split())[:200] or type(error).__name__
        return value if isinstance(value, bool) else f"is {type(value).__name__}, expected a bool"

    def _value(self, expression: str) -> object:
        import cel

        for name, text in self.policy.variables:
            if f"variables.{name}" in expression and name not in self.known:
                self.known[name] = self._value(text)
        facts = {
            "object": self.item,
            "params": {"data": dict(self.parameters)},
            "variables": dict(self.known),
        }
        context = cel.Context(facts)
        for name, function in _FUNCTIONS.items():
            context.add_function(name, function)
        return cel.compile(expression).execute(context)


def _policy(document: Mapping[str, JsonValue]) -> BuiltinPolicy:
    name = str(members(document.get("metadata")).get("name"))
    spec = members(document.get("spec"))
    unknown = sorted(set(spec) - _SPEC)
    if unknown or spec.get("failurePolicy") != "Fail":
        what = ", ".join(unknown) or f"failurePolicy {spec.get('failurePolicy')}"
        raise InvalidInput(f"the policy {name} has {what}, which is not understood here")
    constraints = members(spec.get("matchConstraints"))
    return BuiltinPolicy(
        name,
        tuple(entries(constraints.get("resourceRules"))),
        tuple(entries(constraints.get("excludeResourceRules"))),
        tuple(str(each.get("expression")) for each in entries(spec.get("matchConditions"))),
        tuple(
            (str(each.get("name")), str(each.get("expression")))
            for each in entries(spec.get("variables"))
        ),
        tuple(
            FieldRule(name, str(each.get("message")), str(each.get("expression")))
            for each in entries(spec.get("validations"))
        ),
    )


def _is_listed(rules: Iterable[Mapping[str, JsonValue]], request: AdmissionRequest) -> bool:
    return any(
        _has(rule.get("apiGroups"), request.group)
        and _has(rule.get("apiVersions"), request.version)
        and _has(rule.get("resources"), request.resource)
        and (_has(rule.get("operations"), "CREATE"))
        for rule in rules
    )


def _has(listed: JsonValue, value: str) -> bool:
    return isinstance(listed, list) and ("*" in listed or value in listed)

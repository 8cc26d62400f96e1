"""The page of `goldenpath oversight`, as text."""

from collections.abc import Iterator, Sequence

from goldenpath.audit.answers.override_records import overridden
from goldenpath.audit.registers.oversight import OverseenModel, OversightRegister, StopDrill
from goldenpath.audit.report.evidence_bundle import RecordedOverride
from goldenpath.audit.timeline.moment import show_moment


def oversight_text(register: OversightRegister) -> str:
    """Return second looks, stops, and what nobody knows."""
    return "\n".join(_lines(register))


def overrides_sentence(
    register: OversightRegister, overrides: Sequence[RecordedOverride] | None
) -> str:
    """Return how many answers people overrode. Without a record nobody knows, so it is never 0."""
    if overrides is None:
        return "not known: the audit log cannot be read"
    number = overridden(overrides)
    refused = sum(1 for each in overrides if each.fault)
    doubt = f"; {refused} records do not count: {_faults(overrides)}" if refused else ""
    if not number:
        return f"not known{doubt}"
    answers = sum(sum(each.answers.values()) for each in register.models)
    share = f" of {answers} answers ({number / answers:.2%})" if answers else ""
    return f"{number}{share} were overridden, as posted with `goldenpath oversight override`{doubt}"


def _faults(overrides: Sequence[RecordedOverride]) -> str:
    return "; ".join(dict.fromkeys(each.fault for each in overrides if each.fault))


def _lines(register: OversightRegister) -> Iterator[str]:
    yield f"oversight from {show_moment(register.since)} to {show_moment(register.until)}"
    for model in register.models:
        yield from _model(model)
    if not register.models:
        yield "no answer of that time is in the prediction log"
    yield f"overrides: {register.overrides}"
    yield f"stops: {len(register.stops)}, the newest first"
    for stop in register.stops:
        yield f"  {_stop(stop)}"
    yield "not known:"
    for line in register.unknown:
        yield f"  {line}"


def _model(model: OverseenModel) -> Iterator[str]:
    share = "not known" if model.share is None else f"{model.share:.1%}"
    yield (
        f"{model.stage}/{model.model}: {model.second_looks} answers go to a person, {share} of "
        f"those with a recorded mode; {model.fallback} by the fallback"
    )
    for mode, count in sorted(model.answers.items()):
        yield f"  {count} {mode}"


def _stop(stop: StopDrill) -> str:
    effect = stop.unknown if stop.seconds is None else f"had effect after {stop.seconds:.1f} s"
    return (
        f"{show_moment(stop.time)} {stop.action} of {stop.release[:19]} in {stop.stage}/"
        f"{stop.model} by {stop.by or 'nobody listed'}: {effect} ({stop.reason})"
    )

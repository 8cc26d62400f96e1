"""The options that name a stage or a person, the same in every verb, and their completion.

`--stage` names a stage, `--as` a person. A shell completes them from the last local read of git, so
that an unreachable remote does not delay the completion.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from goldenpath.cli.renamed import RenamedOption
from goldenpath.errors import GoldenPathError, InvalidInput, did_you_mean

if TYPE_CHECKING:
    from goldenpath.compose.gitops_access import LastNames

Command = TypeVar("Command", bound=Callable[..., object])


class PlatformName(click.ParamType[str]):
    """A name that the gitops repository knows; completed by the shell, checked by the verb."""

    def __init__(self, name: str, known: "Callable[[LastNames], Iterable[str]]") -> None:
        self.name = name
        self._known = known

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from goldenpath import compose

        try:
            names = self._known(compose.last_names(compose.home()))
        except (GoldenPathError, OSError):
            return []  # no completions; the verb itself reports the fault
        return [CompletionItem(each) for each in names if each.startswith(incomplete)]


STAGE = PlatformName("stage", lambda names: names.stages)
PERSON = PlatformName("person", lambda names: names.people)
MODEL = PlatformName("model", lambda names: names.models)


def refuse_stage(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Return the person that `--as` names. Raises `InvalidInput` if `platform.toml` lists none.

    Older versions took a stage there, so the message for a stage names the new option.
    """
    if not value or ctx.resilient_parsing:
        return value
    from goldenpath import compose

    platform = compose.trusted(compose.home()).platform
    people = [each.name for each in platform.people]
    if value in people:
        return value
    if platform.stage(value) is not None:
        raise InvalidInput(
            f"--as names a person: expected one of {', '.join(people)}, got the stage {value}",
            hint=f"goldenpath {ctx.info_name} RELEASE --stage {value}",
        )
    raise InvalidInput(
        f"platform.toml does not list {value}: expected one of {', '.join(people)}",
        hint=did_you_mean(value, people),
    )


def stage_option(words: str, *, old: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Return the required option `--stage NAME` with its `old` spellings."""
    return click.option(
        "--stage", cls=RenamedOption, old=old, type=STAGE, required=True, help=words
    )


def stage_filter(words: str = "Only this stage.") -> Callable[[Command], Command]:
    """Return the optional `--stage NAME`; without it the verb covers every stage."""
    return click.option("--stage", type=STAGE, help=words)

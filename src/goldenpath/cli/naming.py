"""The options that name a stage or a person, the same in every verb, and their completion.

`--stage` names a stage, `--as` a person. A shell completes them from what this machine read in git
the last time, so that a remote that is away does not hold up the keyboard.
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
            return []  # nothing to offer; the verb itself says what is wrong
        return [CompletionItem(each) for each in names if each.startswith(incomplete)]


STAGE = PlatformName("stage", lambda names: names.stages)
PERSON = PlatformName("person", lambda names: names.people)
MODEL = PlatformName("model", lambda names: names.models)


def refuse_stage(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """The person that `--as` names, if `platform.toml` lists them. Raises `InvalidInput`.

    Older versions took a stage there, so the message for a stage says how to name one now.
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
    """`--stage NAME`, required, which older versions may have spelled in the `old` ways."""
    return click.option(
        "--stage", cls=RenamedOption, old=old, type=STAGE, required=True, help=words
    )


def stage_filter(words: str = "Only this stage.") -> Callable[[Command], Command]:
    """`--stage NAME` of a verb that otherwise looks at every stage; None without it."""
    return click.option("--stage", type=STAGE, help=words)

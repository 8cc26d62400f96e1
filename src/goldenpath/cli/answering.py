"""Asks a verb in this process, for a reader that is no terminal: the console."""

from goldenpath.cli.ending import foreseen
from goldenpath.cli.families import command_of
from goldenpath.cli.output import collecting
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.errors import GoldenPathError


def answer(words: tuple[str, ...]) -> VerbAnswer:
    """Run a verb and return what it shows, or why it could not answer."""
    code, fault = 0, None
    with collecting() as collected:
        try:
            verb = command_of(words[0])
            ended = verb.main(list(words[1:]), f"goldenpath {words[0]}", standalone_mode=False)
            code = ended if isinstance(ended, int) else 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else GoldenPathError.exit_code
        except Exception as error:  # as at the edge of the program, which only prints it
            fault = foreseen(error)
            code = fault.exit_code
    return VerbAnswer(
        words,
        record=collected.records[-1] if collected.records else None,
        text="\n".join(collected.texts),
        notes=tuple(collected.notes),
        code=code,
        error=fault.message if fault else "",
        hint=(fault.hint or "") if fault else "",
    )

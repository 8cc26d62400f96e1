"""What the command says and how it ends, within this process."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from goldenpath.cli.main import main


@dataclass(frozen=True, slots=True)
class Said:
    """One run of a verb."""

    code: int
    out: str
    err: str

    @property
    def is_orderly(self) -> bool:
        """Whether it ended well, or with one error in words and an exit code of the style page."""
        return self.code in (0, 7) or (
            self.code in (2, 3, 4, 5, 6)
            and self.err.lower().count("error: ") == 1
            and "Traceback" not in self.err
        )


class Command:
    """Runs verbs; `capsys` reads what they say."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Said:
        return self.run(arguments)

    def run(self, arguments: Sequence[str]) -> Said:
        """One verb, from its arguments to its end."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = self._capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Said(code, said.out, said.err)

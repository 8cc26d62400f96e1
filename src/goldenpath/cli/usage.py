"""Usage errors in the form of every other error: expected, got, and a cure.

click finds the fault; one error and one hint replace its own text (usage, then a sentence).
"""

import click
from click.exceptions import NoSuchCommand, NoSuchOption

from goldenpath.cli.families import FAMILIES
from goldenpath.errors import InvalidInput, did_you_mean


def explained(error: click.ClickException) -> InvalidInput:
    """Return the error shown for a fault that click found."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return InvalidInput(_sentence(error.format_message()), hint="see goldenpath --help")
    path, help_ = context.command_path, f"see {context.command_path} --help"
    match error:
        case NoSuchOption():
            near = did_you_mean(error.option_name, _visible(context.command))
            return InvalidInput(f"{path} has no option {error.option_name}", hint=near or help_)
        case NoSuchCommand() if isinstance(context.command, click.Group):
            known = context.command.list_commands(context)
            near = _family(error.command_name) or did_you_mean(error.command_name, known)
            return InvalidInput(f"{path} has no verb {error.command_name}", hint=near or help_)
        case click.MissingParameter(param=click.Parameter() as parameter):
            name = parameter.opts[0] if isinstance(parameter, click.Option) else _metavar(parameter)
            return InvalidInput(f"{path} needs {name}: expected {_use(context)}", hint=help_)
        case click.BadParameter(param=click.Parameter() as parameter):
            name = parameter.opts[0] if isinstance(parameter, click.Option) else _metavar(parameter)
            return InvalidInput(f"{name}: {_sentence(error.message)}", hint=_choice(error) or help_)
        case _:
            return InvalidInput(_sentence(error.format_message()), hint=help_)


def _visible(command: click.Command) -> list[str]:
    """Return the options in help; an old spelling is never suggested."""
    return ["--help", *(name for each in command.params for name in _spellings(each))]


def _spellings(parameter: click.Parameter) -> list[str]:
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return []
    return [*parameter.opts, *parameter.secondary_opts]


def _family(name: str) -> str | None:
    """Return the family that was typed in place of a verb."""
    for family, verbs in FAMILIES.items():
        if name.lower() == family.lower():
            return f"the verbs of this family are {', '.join(verbs)}"
    return None


def _use(context: click.Context) -> str:
    """Return the shortest call: arguments and required options."""
    words = [_metavar(each) for each in context.command.params if isinstance(each, click.Argument)]
    words += [
        f"{each.opts[0]} {each.type.name.upper()}"
        for each in context.command.params
        if isinstance(each, click.Option) and each.required
    ]
    return " ".join([context.command_path, *words])


def _choice(error: click.BadParameter) -> str | None:
    kind = error.param.type if error.param is not None else None
    if not isinstance(kind, click.Choice):
        return None
    got = error.message.split("'")[1] if "'" in error.message else ""
    return did_you_mean(got, map(str, kind.choices))


def _metavar(parameter: click.Parameter) -> str:
    return parameter.metavar or (parameter.name or "").upper()


def _sentence(text: str) -> str:
    """Return click's sentence in our form: lower case at the start, no full stop at the end."""
    line = " ".join(text.split()).rstrip(".")
    return line[:1].lower() + line[1:]

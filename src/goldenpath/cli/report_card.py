"""`goldenpath report card`: explain the fields that people write."""

import click

from goldenpath.audit.report.cards.card_fields import CardField, card_fields, explained
from goldenpath.cli.output import Format, output_option, show


@click.command("card")
@click.option("--explain", metavar="FIELD", help="Show law, reason and a good example of a field.")
@output_option
def card(explain: str | None, output: Format) -> None:
    """List the fields that people write, or explain one of them.

    FIELD is a name such as card.md#intended-purpose, "Intended purpose" or system.yaml.
    """
    fields = card_fields() if explain is None else explained(explain)
    text = "\n".join(each.name for each in fields) if explain is None else _explained(fields)
    show(fields, text, output)


def _explained(fields: tuple[CardField, ...]) -> str:
    return "\n\n".join(
        f"{each.name}\n  law      {each.law}\n  reason   {each.reason}\n  example  {each.example}"
        for each in fields
    )

"""`goldenpath catalogue`: lets the aliases of MLflow follow git."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.release.catalogue.entry import Version


@click.command()
@output_option
def verb(output: Format) -> None:
    """Set the aliases of the catalogue to what git wants, one for each stage.

    Git leads: an alias that somebody moved by hand is moved back, and that of a stage in which git
    wants nothing of the model is taken away.
    """
    home = compose.home()
    with working() as report:
        report("asking git what is stable in each stage")
        trusted, wanted = compose.desired(home)
        stable = {(d.model, d.stage): d.slots[0].digest.text for d in wanted.deployments}
        report("telling the catalogue")
        with compose.catalogue(home) as catalogue:
            followed = [
                _line(model, stage, digest, catalogue.set_alias(model, stage, digest))
                for (model, stage), digest in stable.items()
            ]
            followed += [
                _line(model, stage, "", catalogue.take_alias(model, stage))
                for model, known in compose.registered(home).models.items()
                for stage in known.aliases
                if trusted.platform.stage(stage) is not None and (model, stage) not in stable
            ]
    lines = [
        f"{each['model']}@{each['alias']}  version {each['version']}  "
        f"{each['digest'] or 'taken away'}"
        for each in followed
    ]
    show(followed, "\n".join(lines) or "no stage runs anything", output)


def _line(model: str, stage: str, digest: str, version: Version) -> dict[str, str]:
    return {"model": model, "alias": stage, "digest": digest, "version": version.number}

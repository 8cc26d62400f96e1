"""`goldenpath catalogue`: set the aliases of MLflow as git declares them."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.release.catalogue.entry import Version


@click.command()
@output_option
def verb(output: Format) -> None:
    """Set the aliases of the catalogue to what git declares, one for each stage.

    An alias that somebody moved by hand is moved back. If git declares no release of the model in
    a stage, the alias of that stage is removed.
    """
    home = compose.home()
    with working() as report:
        report("reading the stable release of each stage from git")
        trusted, survey = compose.desired(home)
        stable = {(d.model, d.stage): d.slots[0].digest.text for d in survey.deployments}
        report("updating the catalogue")
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
        f"{each['model']}@{each['alias']}  version {each['version']}  {each['digest'] or 'removed'}"
        for each in followed
    ]
    show(followed, "\n".join(lines) or "no stage runs anything", output)


def _line(model: str, stage: str, digest: str, version: Version) -> dict[str, str]:
    return {"model": model, "alias": stage, "digest": digest, "version": version.number}

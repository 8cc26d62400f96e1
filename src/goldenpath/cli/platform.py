"""`goldenpath platform`: show or change `platform.toml`; after set-up a change needs two people."""

from pathlib import Path
from typing import get_args

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import REASON
from goldenpath.cli.trusting import show_trust, trust_record, trust_text
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.parsers.toml_parser import MAX_TOML
from goldenpath.parsers.typed import read_bounded
from goldenpath.promote.acts.conversion import MESSAGE
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.admission_policy import admission_of, render_admission
from goldenpath.promote.platform.forge_settings import Profile
from goldenpath.promote.platform.platform import parse_platform, render_platform


@click.group
def verb() -> None:
    """Show or change platform.toml: stages, people, registry."""


@verb.command("show")
@output_option
def show_platform(output: Format) -> None:
    """Print platform.toml as the newest trusted commit has it."""
    platform = compose.trusted(compose.home()).platform
    show(platform, render_platform(platform).decode().rstrip(), output)


@verb.command("policy")
@output_option
def show_policy(output: Format) -> None:
    """Print the requirements for a release as a policy file."""
    admission = admission_of(compose.trusted(compose.home()).platform)
    show(admission, render_admission(admission).decode().rstrip(), output)


@verb.command("change")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--reason", type=REASON, required=True, help="Why, for the commit.")
@identity_options
@output_option
def change(file: Path, reason: str, name: str | None, key: Path | None, output: Format) -> None:
    """Replace platform.toml by FILE, and render what depends on it."""
    home, acting = compose.home(), compose.identity(name, key)
    try:
        platform = parse_platform(read_bounded(file, MAX_TOML))
    except FileNotFoundError as error:
        raise NotFound(
            f"{file} does not exist", hint=f"create it with: goldenpath platform show > {file}"
        ) from error
    message = f"platform: change\n\n{' '.join(reason.split())}\n"
    outcome = compose.change_trust(
        home, compose.trusted(home), platform_files(platform), message, acting=acting
    )
    show_trust(outcome, output)


@verb.command("convert")
@click.option("--reason", type=REASON, required=True, help="Why, for the commit.")
@identity_options
@output_option
def convert(reason: str, name: str | None, key: Path | None, output: Format) -> None:
    """Write each release as a service of its own, behind one route."""
    home, acting = compose.home(), compose.identity(name, key)
    message = f"{MESSAGE}\n{' '.join(reason.split())}\n"
    done, changes = compose.convert(home, compose.trusted(home), message, acting=acting)
    for each, why in sorted(changes.left.items()):
        note(f"{each} keeps its form: {why}")
    record = {**trust_record(done), "converted": changes.converted, "left": changes.left}
    show(record, f"{', '.join(changes.converted)}: {trust_text(done)}", output)


@verb.command("init")
@click.option(
    "--target", type=click.Choice(["kubernetes"]), required=True, help="Where models will run."
)
@click.option("--profile", type=click.Choice(get_args(Profile)), help="How KServe runs them.")
@click.option("--renew", is_flag=True, help="Replace changed files too, but for the values.")
@click.option("--reason", type=REASON, default="what a cluster needs", help="Why, for the commit.")
@identity_options
@output_option
def init(
    target: str,
    profile: Profile | None,
    renew: bool,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Commit the files of a cluster: plain YAML, which Argo CD applies."""
    home, acting = compose.home(), compose.identity(name, key)
    message = f"platform: init {target}\n\n{' '.join(reason.split())}\n"
    done, changes = compose.set_up_cluster(
        home, compose.trusted(home), message, acting=acting, profile=profile, renew=renew
    )
    for path in changes.kept:
        note(f"{path} differs from the file of this version, and stays")
    record = {"files": sorted(changes.files), "kept": changes.kept}
    if done is None:
        show({**record, "commit": ""}, "the repository has every file already", output)
        return
    text = f"{len(changes.files)} files: {trust_text(done)}"
    show({**trust_record(done), **record}, text, output)


@verb.command("write")
@click.argument("path")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--remove", is_flag=True, help="Remove the file instead.")
@click.option("--reason", type=REASON, required=True, help="Why, for the commit.")
@identity_options
@output_option
def write(
    path: str,
    file: Path | None,
    remove: bool,
    reason: str,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Replace a file of the repository, such as settings."""
    if (file is None) is not remove:
        raise InvalidInput(
            "expected FILE, or --remove", hint="see goldenpath platform write --help"
        )
    home, acting = compose.home(), compose.identity(name, key)
    trusted = compose.trusted(home)
    if path in platform_files(trusted.platform):
        raise InvalidInput(
            f"{path} follows from platform.toml",
            hint="use goldenpath platform change FILE --reason …",
        )
    try:
        content = None if file is None else read_bounded(file, MAX_TOML)
    except FileNotFoundError as error:
        raise NotFound(
            f"{file} does not exist", hint="name the file with the new content"
        ) from error
    message = f"platform: write {path}\n\n{' '.join(reason.split())}\n"
    show_trust(compose.change_trust(home, trusted, {path: content}, message, acting=acting), output)

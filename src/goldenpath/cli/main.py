"""The command `goldenpath`: finds the verb, runs it, and turns errors into words and exit codes.

Verbs are imported when they are used, so that `goldenpath --help` stays quick.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence

import click

from goldenpath import __version__
from goldenpath.cli.ending import ending

VERBS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Set up the platform on this machine: keys, registry, gitops repository."),
    "person": ("person", "List or add a person who may approve and promote."),
    "platform": ("platform", "Show or change platform.toml: stages, people, keys, registry."),
    "key": ("key", "List, add, end or revoke a key that releases are signed with."),
    "confirm": ("confirm", "Confirm a change of trust that somebody else proposed."),
    "sod": ("sod", "List every path by which one person alone reaches production."),
    "new": ("new", "Start a model project that already trains, packs, serves and monitors."),
    "check": ("check", "Check the declaration of a project and report every fault at once."),
    "data": ("data", "Compare the data of a project with their pins, or pin them."),
    "build": ("build", "Train in the locked environment, evaluate, pack, attest and sign."),
    "reproduce": ("reproduce", "Train a release again and compare it bit for bit."),
    "inspect": ("inspect", "Show what a release holds and what is said about it."),
    "diff": ("diff", "Show what changed between two releases."),
    "verify": ("verify", "Check signatures and evidence of a release against a policy."),
    "sign": ("sign", "Sign a release with one key more."),
    "attack": ("attack", "Try to cheat the verifier, and show which control refused it."),
    "copy": ("copy", "Copy a release with its evidence between stores."),
    "push": ("push", "Copy a release to a registry."),
    "pull": ("pull", "Copy a release from a registry."),
    "gate": ("gate", "Show what a stage's gates say of a release."),
    "approve": ("approve", "Approve a release for a stage, signed with your own SSH key."),
    "waive": ("waive", "Waive one closed gate for a release, signed with your own SSH key."),
    "promote": ("promote", "Bring a release into a stage by a signed commit."),
    "rollout": ("rollout", "Give a canary more of the traffic, by a signed commit."),
    "judge": ("judge", "Judge a canary by what Prometheus counted, and commit the verdict."),
    "rollback": ("rollback", "Take a canary away, or go back to the release before."),
    "catalogue": ("catalogue", "Let the aliases of the catalogue follow git."),
    "hold": ("hold", "Keep a model as it is in a stage until somebody resumes."),
    "resume": ("resume", "End a hold of a model in a stage."),
    "requests": ("requests", "List the pull requests that wait, and who approved them."),
    "why": ("why", "Name what keeps a model out of a stage, and who can give it."),
    "up": ("up", "Make this machine run what git says, until told to stop."),
    "down": ("down", "Stop what runs on this machine."),
    "status": ("status", "Show what is wanted, what runs, and whether they agree."),
    "inventory": ("inventory", "Compare git, registry, catalogue and what runs, by release."),
    "send": ("send", "Send rows of a table to a model and show the answers."),
    "drift": ("drift", "Show drift of inputs and predictions against the reference."),
    "log": ("log", "Check and read the prediction log."),
    "events": ("events", "Show and check the audit log."),
    "at": ("at", "Say what was live at a time, who put it there and who approved."),
    "trace": ("trace", "Go from one answer to model, data, code and people."),
    "report": ("report", "Write the technical documentation in the order of Annex IV."),
    "demo": ("demo", "Walk a real credit model down the whole road."),
}
"""Verb to module below `goldenpath.cli` and the line that `--help` shows."""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"goldenpath.cli.{VERBS[cmd_name][0]}")
        command = module.verb
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.verb is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="goldenpath")
def cli() -> None:
    """Walk a model from a commit to a monitored service, with its evidence."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script; ends the process."""
    with ending():
        status = cli.main(arguments, prog_name="goldenpath", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)

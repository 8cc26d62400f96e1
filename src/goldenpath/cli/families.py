"""Every verb of the command line in six families, with its line in `--help`.

A verb is imported only when it is used, so that `goldenpath --help` stays fast.
"""

import importlib
from collections.abc import Mapping

import click
from click.exceptions import NoSuchCommand
from click.shell_completion import CompletionItem, FishComplete, add_completion_class

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "Set up": {
        "init": "Set up the platform on this machine: keys, registry, git.",
        "person": "List, add or end a person who may approve and promote.",
        "key": "List, add, end or revoke a key that signs releases.",
        "platform": "Show or change platform.toml: stages, people, registry.",
        "confirm": "Confirm a change of trust that somebody else proposed.",
        "eject": "Write what is needed to live without goldenpath.",
        "doctor": "Find what machine or cluster has wrong, with the cure.",
        "completion": "Print the completion script of bash, zsh or fish.",
    },
    "Build": {
        "new": "Start a model project that trains and serves as it is.",
        "adopt": "Start a project from a model that was trained elsewhere.",
        "check": "Check a project's declaration and report every fault.",
        "statements": "List what people write, or fill in who approved it.",
        "data": "Compare a project's data with their pins, or pin them.",
        "build": "Train, evaluate, pack, attest and sign a release.",
        "renew": "Train a model again with data up to a day, and sign why.",
        "image": "Build the container images of server and initializer.",
        "sign": "Sign a release with one more key.",
        "copy": "Copy a release with its evidence between two stores.",
        "push": "Copy a release from this machine to a registry.",
        "pull": "Copy a release from a registry to this machine.",
        "registry": "Remove releases and files that nobody needs any more.",
        "catalogue": "Set the aliases of the catalogue to what git declares.",
    },
    "Promote": {
        "gate": "Judge a release by the gates of a stage.",
        "why": "List what keeps a model out of a stage, and who can help.",
        "approve": "Approve a release for a stage with your own SSH key.",
        "waive": "Waive one closed gate for a release with your SSH key.",
        "promote": "Bring a release into a stage by a signed commit.",
        "requests": "List the pull requests that wait, and who approved them.",
        "rollout": "Give a canary more of the traffic by a signed commit.",
        "judge": "Judge a canary by log or Prometheus and commit the verdict.",
        "rollback": "Remove a canary, or go back to the previous release.",
        "hold": "Keep a model as it is in a stage until somebody resumes.",
        "resume": "End the hold of a model in a stage.",
        "retire": "End a model in a stage; its evidence stays.",
    },
    "Run": {
        "up": "Run on this machine what git declares, until stopped.",
        "serve": "Serve one release by itself, without a platform.",
        "fetch": "Verify a release and unpack it into a folder.",
        "reconcile": "Judge for a cluster what git declares, and sign it.",
        "down": "Stop what runs on this machine.",
        "send": "Send rows of a table to a model and show the answers.",
        "score": "Score a table of any size by the model of a stage.",
        "score-job": "Declare a job of the cluster that scores a table.",
        "demo": "Run the whole path with a real credit model.",
    },
    "Look": {
        "status": "Show what is declared, what runs, and whether they agree.",
        "inventory": "Compare git, registry, catalogue and what runs.",
        "inspect": "Show what a release contains and its statements.",
        "diff": "Show what changed between two releases.",
        "health": "Show answers, findings, drift and performance of a model.",
        "drift": "Show drift of inputs and predictions, or close a finding.",
        "findings": "List findings of monitors and advisories, or close one.",
        "oversight": "Show second looks, and how fast stops had effect.",
        "incident": "List incidents with their clocks, or open one.",
        "telemetry": "Write rules for Prometheus or dashboards for Grafana.",
        "labels": "Add what became known about predictions later.",
        "performance": "Show performance, estimated and as labels show it.",
        "log": "Check, show, hold, erase or expire predictions in the log.",
        "events": "Show or check the audit log.",
        "at": "Show what was live at a time, and who approved it.",
        "waivers": "List every waiver, and what relied on it.",
        "affected": "List the releases that contain a part or advisory.",
        "test-sets": "List how often data were looked at, and what it can hide.",
        "register": "List every system: tier, owner, stages, findings.",
        "console": "Show everything in a browser, for reading alone.",
    },
    "Prove": {
        "verify": "Check signatures and evidence of a release by a policy.",
        "trace": "Trace one answer to its model, data, code and people.",
        "prove": "Prove one answer in a file that verifies without us.",
        "sample": "Draw records that nobody could choose, with proofs.",
        "replay": "Let the exact release answer recorded inputs again.",
        "reproduce": "Train a release again and compare it bit for bit.",
        "report": "Write the technical documentation ordered by Annex IV.",
        "policy": "Try the admission policies of a cluster.",
        "sod": "List how one person alone could reach production.",
        "verify-self": "Verify the installed files of goldenpath itself.",
        "attack": "Attack the verifier and show which control refused it.",
    },
}
"""The lines of help by family and verb; `verify-self` is the module `verify_self`."""

VERBS: Mapping[str, str] = {
    name: line for family in FAMILIES.values() for name, line in family.items()
}
"""Every verb and its line of help, in the order of the families."""


def command_of(name: str) -> click.Command:
    """Import and return the command of a verb."""
    module = importlib.import_module(f"goldenpath.cli.{name.replace('-', '_')}")
    command = module.verb
    if not isinstance(command, click.Command):
        raise TypeError(f"{module.__name__}.verb is not a command")
    command.name = name
    return command


@add_completion_class
class FishCompletion(FishComplete):
    """Completion for fish. The script of click splits at commas, so explanations have none."""

    def format_completion(self, item: CompletionItem) -> str:
        explanation = item.help.replace(",", ";") if item.help else None
        return super().format_completion(CompletionItem(item.value, item.type, explanation))


class FamilyGroup(click.Group):
    """A group whose help and completion show the verbs by family, without importing one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise NoSuchCommand(args[0], ctx=ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return command_of(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, VERBS))
        for family, verbs in FAMILIES.items():
            with formatter.section(family):
                formatter.write_dl([(name.ljust(width), line) for name, line in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [
            CompletionItem(name, help=line)
            for name, line in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

"""The audit log as tiles: written once, compared each time, read by tools of other logs."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.audit.anchors.anchor_record import checkpoint_path
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.tiles.event_tiles import CHECKPOINT
from goldenpath.audit.tiles.signed_note import open_note, parse_tree_checkpoint
from goldenpath.cli.log_tiles import tiles
from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import HOME_VARIABLE
from goldenpath.merkle_tree import is_consistent, leaf_hash, root_of_inclusion
from goldenpath.promote.repository.worktree import Repository
from goldenpath.settings import project_environment
from tests.audit.anchors.test_anchors_branch import Machine
from tests.audit.platform import Grounds
from tests.prepared import let_git_hurry
from tests.sizes import full_size

ORIGIN = "goldenpath/witness/events"


@dataclass(frozen=True, slots=True)
class Tiled:
    """A machine whose audit log is written as tiles."""

    machine: Machine
    folder: Path

    def add(self, count: int, details: str = "") -> None:
        """Append so many events."""
        log = EventLog(self.machine.home.events)
        for number in range(count):
            what = {"message": f"{number} {details}"}
            time = f"2026-11-22T09:00:00.{number:06}Z"
            log.append(Event(time, "platform.alarm", "system", details={**what}))

    def ask(self, *words: str) -> Result:
        environment = {HOME_VARIABLE: str(self.machine.home.root)}
        return CliRunner().invoke(tiles, [str(self.folder), *words], env=environment)

    def said(self, *words: str) -> dict[str, object]:
        result = self.ask(*words, "--output", "json")
        assert result.exit_code == 0, result.exception
        read: dict[str, object] = json.loads(result.stdout)
        return read

    def lines(self) -> list[bytes]:
        """The events as they are stored."""
        files = sorted(self.machine.home.events.glob("*.jsonl"))
        return [line for file in files for line in file.read_bytes().splitlines()]

    def public(self, key: object) -> bytes:
        """The raw key behind the text of a verifier."""
        return base64.b64decode(str(key).split("+", 2)[2])[1:]


@pytest.fixture
def tiled(tmp_path: Path) -> Iterator[Tiled]:
    grounds = Grounds(tmp_path, project_environment(os.environ, "python3"))
    let_git_hurry(grounds.home.gitops)
    made = Tiled(Machine(grounds), tmp_path / "tiles")
    made.add(3)
    yield made


def hashes(value: object) -> tuple[bytes, ...]:
    assert isinstance(value, list)
    return tuple(base64.b64decode(each) for each in value)


def test_the_log_is_written_with_a_signed_head_and_proofs_that_hold(tiled: Tiled) -> None:
    first = tiled.said()
    tiled.add(300)
    second = tiled.said("--event", "2", "--since", "3")

    lines = tiled.lines()
    note = (tiled.folder / CHECKPOINT).read_bytes()
    head = parse_tree_checkpoint(open_note(note, ORIGIN, tiled.public(second["key"])))
    assert (head.origin, head.size) == (ORIGIN, len(lines)) and head.size > 300
    proof = hashes(second["inclusion"])
    assert root_of_inclusion(leaf_hash(lines[2]), 2, head.size, proof) == head.root
    old = base64.b64decode(str(first["root"]))
    proof = hashes(second["consistency"])
    assert is_consistent(3, old, head.size, head.root, proof=proof)
    assert not is_consistent(3, bytes(32), head.size, head.root, proof=proof)
    assert tiled.said()["written"] == 0, "what is there is not written again"


def test_a_head_on_the_branch_is_the_same_signed_note(tiled: Tiled) -> None:
    key = tiled.said()["key"]
    commit = tiled.machine.anchor()

    branch: Repository = tiled.machine.branch()
    branch.fetch()
    note = branch.read(commit, checkpoint_path("witness"))
    assert note is not None
    assert parse_tree_checkpoint(open_note(note, ORIGIN, tiled.public(key))).size == 3


def test_openssl_finds_the_signature_of_the_note_good(tiled: Tiled, tmp_path: Path) -> None:
    key = Ed25519PublicKey.from_public_bytes(tiled.public(tiled.said()["key"]))
    text, _, line = (tiled.folder / CHECKPOINT).read_bytes().rpartition(b"\n\n")
    parts = {
        "key.pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "text": text + b"\n",
        "signature": base64.b64decode(line.split()[2])[4:],
    }
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    words = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
    command = words.split()

    good = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    (tmp_path / "text").write_bytes(parts["text"].replace(b"witness", b"Witness"))
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)

    assert good.returncode == 0, good.stderr
    assert bad.returncode != 0


def test_a_log_that_was_rewritten_is_found_by_its_tiles(tiled: Tiled) -> None:
    tiled.add(300)
    tiled.said()
    (file,) = tiled.machine.home.events.glob("*.jsonl")
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"0 "', b'"9 "', 1))
    assert file.read_bytes() != content

    result = tiled.ask()

    assert isinstance(result.exception, VerificationError)
    assert "tile/entries/000 in" in result.exception.message


def test_an_event_that_is_too_long_for_a_tile_is_named_and_stays_in_the_tree(tiled: Tiled) -> None:
    tiled.add(1, "x" * 70_000)

    said = tiled.said("--event", "3")

    assert said["left_out"] == ["tile/entries/000.p/4"]
    proof, root = hashes(said["inclusion"]), base64.b64decode(str(said["root"]))
    assert root_of_inclusion(leaf_hash(tiled.lines()[3]), 3, 4, proof) == root


def test_without_a_listed_witness_or_such_an_event_nothing_is_claimed(tiled: Tiled) -> None:
    assert isinstance(tiled.ask("--event", "3").exception, NotFound)
    for file in (tiled.machine.home.witness_key, Path(f"{tiled.machine.home.witness_key}.pub")):
        file.unlink()

    result = tiled.ask()

    assert isinstance(result.exception, NotFound) and "key witness" in (result.exception.hint or "")


_GO = """package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, each := range wanted {
		path := fmt.Sprintf("tile/%d/%03d", each.L, each.N)
		if each.W != 256 {
			path += fmt.Sprintf(".p/%d", each.W)
		}
		content, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		all = append(all, content)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	folder := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	content, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	must(err)
	var origin, root string
	var tree tlog.Tree
	_, err = fmt.Sscanf(opened.Text, "%s\\n%d\\n%s\\n", &origin, &tree.N, &root)
	must(err)
	tree.Hash, err = tlog.ParseHash(root)
	must(err)
	reader := tlog.TileHashReader(tree, tiles{folder})
	index := int64(0)
	for tile := 0; index < tree.N; tile++ {
		path := fmt.Sprintf("tile/entries/%03d", tile)
		if tree.N-index < 256 {
			path += fmt.Sprintf(".p/%d", tree.N-index)
		}
		rest, err := os.ReadFile(filepath.Join(folder, path))
		must(err)
		for len(rest) > 0 {
			size := int(rest[0])<<8 | int(rest[1])
			hash := tlog.RecordHash(rest[2 : 2+size])
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash))
			rest, index = rest[2+size:], index+1
		}
	}
	for old := int64(1); old <= tree.N; old++ {
		before, err := tlog.TreeHash(old, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, old, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old, before))
	}
	fmt.Println("checked", index)
}
"""
"""Every leaf and every older tree, by the implementation behind the checksum database of Go."""


@full_size("test_the_log_is_written_with_a_signed_head_and_proofs_that_hold")
@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go and golang.org/x/mod")
def test_the_implementation_of_go_finds_every_leaf_and_every_older_tree(
    tiled: Tiled, tmp_path: Path
) -> None:
    tiled.add(600)
    key = str(tiled.said()["key"])
    program = tmp_path / "check"
    program.mkdir()
    (program / "main.go").write_text(_GO)
    (program / "go.mod").write_text(
        "module check\n\ngo 1.24.0\n\nrequire golang.org/x/mod v0.32.0\n"
    )
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOSUMDB": "off"}

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["go", "run", ".", str(tiled.folder), key],
            cwd=program, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    good = check()
    assert good.stdout == "checked 603\n", good.stdout + good.stderr
    tile = tiled.folder / "tile/0/001"
    content = tile.read_bytes()
    tile.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert check().returncode == 1

"""The bundles are those that npm's own verifier takes; skipped loudly where it cannot be had."""

import shutil
import subprocess
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import generate_key
from goldenpath.release.attest.statement import METRICS, Statement

_MODULES = Path(__file__).parents[3] / "build" / "tools" / "npm"
_PACKAGES = ("@sigstore/verify@3", "@sigstore/bundle@4")


@pytest.fixture(scope="module")
def modules() -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed: @sigstore/verify was NOT tried")
    if not (_MODULES / "node_modules" / "@sigstore" / "verify").is_dir():
        _MODULES.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run([*words, *_PACKAGES], cwd=_MODULES, check=False, timeout=120)
        if done.returncode != 0:
            pytest.skip("npm could not fetch @sigstore/verify: it was NOT tried")
    return _MODULES


@pytest.mark.interop
def test_npm_verifies_our_bundles(modules: Path, tmp_path: Path) -> None:
    signer = generate_key(tmp_path / "release.pem")
    generate_key(tmp_path / "other.pem")
    statement = Statement((Digest.of(b"release"),), METRICS, {"version": 1})
    bundle = sign_statement(statement, signer).render()
    (tmp_path / "bundle.json").write_bytes(bundle)
    (tmp_path / "changed.json").write_bytes(bundle.replace(b'"payload":"ey', b'"payload":"fy'))

    def answer(name: str, key: str) -> str:
        script = Path(__file__).with_name("sigstore.mjs")
        words = ["node", str(script), str(modules), str(tmp_path / name), str(tmp_path / key)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr

    assert answer("bundle.json", "release.pub") == ""
    assert "signature verification failed" in answer("bundle.json", "other.pub")
    assert "signature verification failed" in answer("changed.json", "release.pub")

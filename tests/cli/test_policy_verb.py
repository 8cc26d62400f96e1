"""`goldenpath policy test` on a platform as it is set up."""

import json

from tests.cli.saying import Command


def test_every_case_gets_its_verdict_on_a_platform(reading: Command) -> None:
    done = reading("policy", "test", "--output", "json")

    assert done.code == 0, done.err
    results = json.loads(done.out)
    assert len(results) == 250
    assert {tuple(each) for each in results} == {("case", "expected", "verdict", "reason")}
    assert all(each["verdict"] == each["expected"] for each in results)
    assert all(each["reason"] for each in results if each["verdict"] == "refused")

"""Objects in the files of other projects."""

from pathlib import Path

from cluster.objects import custom_resources, read_objects, yaml_files

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: models.example.org}
spec: {group: example.org, conversion: {strategy: Webhook}}
---
# Nothing stands here.
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: models.example.org}
spec: {conversion: {strategy: Webhook}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
spec: {group: example.org}
"""


def test_patches_beside_a_definition_are_left_out_and_so_is_its_converting_webhook(
    tmp_path: Path,
) -> None:
    (tmp_path / "definitions.yaml").write_text(DEFINITION)

    objects = read_objects(tmp_path / "definitions.yaml")

    assert len(objects) == 3
    assert [each["spec"] for each in custom_resources(objects)] == [{"group": "example.org"}]


def test_files_for_kustomize_are_no_objects(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("kustomization.yaml", "b.yaml", "inner/a.yaml", "notes.md"):
        (tmp_path / name).write_text("")

    names = [path.name for path in yaml_files(tmp_path)]

    assert names == ["b.yaml", "a.yaml"]

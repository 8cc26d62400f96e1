"""`python -m goldenpath.train.adoption.mlflow_download URI FOLDER`: fetch a model's files.

MLflow loads slowly and reads many settings, so it has a process of its own. It opens no model.
"""

import sys


def main(uri: str, folder: str) -> None:
    """Fetch the files and print the folder where they are."""
    from mlflow.artifacts import download_artifacts

    print(download_artifacts(artifact_uri=uri, dst_path=folder))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`python -m goldenpath.release.catalogue URI FOLDER`: reads jobs from standard input, one a line.

It answers once MLflow is loaded and its database has its tables. It ends with its standard input.
"""

import os
import sys
from pathlib import Path

import msgspec

from goldenpath.errors import GoldenPathError, NotFound
from goldenpath.release.catalogue.entry import Failure, Job, JobAnswer

_ENVIRONMENT = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # A server that does not answer is reported within seconds, not after MLflow's quarter hour.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


def main(uri: str, folder: Path) -> None:
    """Answer each job in turn."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException

    from goldenpath.release.catalogue.mlflow import MlflowCatalogue

    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # a print of a library must not look like an answer
    try:
        catalogue = MlflowCatalogue(uri, folder)
    except MlflowException as error:
        catalogue, broken = None, Failure(f"the catalogue cannot be opened: {error.message}")
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        try:
            if catalogue is None:
                answer = JobAnswer(failure=broken)
            elif job.entry is not None:
                answer = JobAnswer(catalogue.register(job.entry))
            elif job.alias is not None:
                answer = JobAnswer(catalogue.set_alias(job.alias))
            else:
                answer = JobAnswer(failure=Failure("the job is empty"))
        except NotFound as error:
            answer = JobAnswer(failure=Failure(error.message, is_missing=True))
        except (GoldenPathError, MlflowException) as error:
            answer = JobAnswer(failure=Failure(f"the catalogue refused: {error.message}"))
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""Scores rows with a model that is code as a worker does; run by the Python of its environment.

Standard library and the model's own packages only. The first line on standard input names the code,
the folder and the entry; each line after it an array of rows to read and one of scores to write.
The process lives as long as that input. Answers are lines on standard output; whatever the model
prints goes to the log with standard error.
"""

import importlib
import json
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Loads the model, then answers each line in turn."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    runpy.run_path(str(Path(__file__).with_name("runner.py")))["give_up"](request["limits"])
    sys.path.insert(0, request["code"])
    module, _, function = request["entry"].partition(":")
    load = getattr(importlib.import_module(module), function)
    predict = load(Path(request["folder"]))
    import numpy as np  # the contract of `predict` speaks of its arrays

    for line in sys.stdin:
        asked = json.loads(line)
        given = predict(np.load(asked["rows"], allow_pickle=False))
        # Beside the scores there may be weights of reasons.
        scores = np.asarray(given[0] if isinstance(given, tuple) else given)
        if scores.ndim == 2:
            scores = scores[:, -1]
        np.save(asked["scores"], scores.astype(np.float64), allow_pickle=False)
        answers.write("{}\n")


if __name__ == "__main__":
    main()

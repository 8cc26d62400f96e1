"""Scores rows with a model that is code, as a worker does.

The interpreter of the model's environment runs this file as a script, in its sandbox. It uses the
standard library and the model's own packages only. The first line on standard input names the code,
the folder of the model and its entry point. Each further line names an array of rows and a file for
their
scores. The process ends when that input closes. Answers are lines on standard output; everything
that the model prints goes to standard error.
"""

import importlib
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Load the model, then answer the lines one by one."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())
    sys.path.insert(0, request["code"])
    module, _, function = request["entry"].partition(":")
    load = getattr(importlib.import_module(module), function)
    predict = load(Path(request["folder"]))
    import numpy as np  # only the model's environment has it; `predict` takes its arrays

    for line in sys.stdin:
        files = json.loads(line)
        result = predict(np.load(files["rows"], allow_pickle=False))
        # A model with reasons returns `(scores, weights)`.
        scores = np.asarray(result[0] if isinstance(result, tuple) else result)
        if scores.ndim == 1:
            scores = scores[:, None]
        if files["width"] == 1:
            scores = scores[:, -1:]
        np.save(files["scores"], scores.astype(np.float64), allow_pickle=False)
        answers.write("{}\n")


if __name__ == "__main__":
    main()

"""Variables by which libraries of others send nothing to their makers.

Every process of goldenpath reads this first, also the launcher of confined programs, which starts
for each of them. So it imports nothing.
"""

NO_TELEMETRY = {
    # onnxruntime 1.32 for Linux writes an identifier of the machine below the home and sends
    # events to its maker, from its import on; the second name is that of versions before.
    "ORT_DISABLE_TELEMETRY": "1",
    "ORT_TELEMETRY_DISABLED": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}

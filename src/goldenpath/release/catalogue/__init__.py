"""The catalogue: MLflow's view of runs, models and stages. It follows the facts and never leads."""

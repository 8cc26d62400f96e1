"""The catalogue of models: an MLflow run and a model version for every release."""

"""The catalogue: runs, models and stages in MLflow. It follows git and decides nothing."""

"""Rules for Prometheus and dashboards for Grafana, as plain files of the package."""

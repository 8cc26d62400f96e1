"""From a training to a signed release."""

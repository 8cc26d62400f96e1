"""What drift looks at in texts."""

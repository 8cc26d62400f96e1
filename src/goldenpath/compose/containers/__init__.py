"""What runs without a platform around it: one served release, and the containers for it."""

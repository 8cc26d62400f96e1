"""Eight models that people bring, each on the whole road from `adopt` to an answer in dev."""

"""The data of a training: fetched, hashed and described."""

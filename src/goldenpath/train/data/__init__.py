"""The data of a training: fetched, digested and described."""

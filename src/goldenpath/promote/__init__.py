"""May this digest enter this stage?"""

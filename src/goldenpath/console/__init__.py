"""The console: pages of HTML over the answers of the verbs, for reading alone.

A page never computes an answer. It asks verbs, with the words that it shows, so a page and its
command cannot differ. The command line hands in how a verb is asked.
"""

"""The HTTP/1.1 stack of goldenpath: servers, clients, and who may ask.

A `listener` makes a `server_connection` for each client, which reads requests and gives them to an
application: a model server, the gateway or the metrics page. `upstream` and `client` ask other
servers. What goes over the wire is read and written in `messages`.
"""

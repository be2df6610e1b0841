"""Processes that start with everything loaded."""

import os
import socket
import sys
from multiprocessing import connection, context, forkserver


def serve_forks():
    """From now on what this process starts by `spawn` is forked from it as it is at this moment.

    A new interpreter would load torch, pandas and dask again, some five seconds of a core. To be called before there
    are threads and results, of which a fork must see nothing."""
    if sys.version_info >= (3, 14):  # its fork server asks for a key; there they load torch again
        return
    address = connection.arbitrary_address("AF_UNIX")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    alive, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _serve(listener.detach(), alive)
    os.close(alive)
    listener.close()
    server = forkserver._forkserver
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, ours, pid
    context._concrete_contexts["spawn"] = context._concrete_contexts["forkserver"]


def _serve(listener, alive):
    try:
        forkserver.main(listener, alive, [])
    finally:
        os._exit(0)  # neither the tests nor what they wait for go on here

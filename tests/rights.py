"""Files that may not be read, folders that may not be written: also for root, who may otherwise do anything."""

import ctypes
import multiprocessing
import os

VERSION, OF_FILES = (
    0x20080522,
    0b1111,
)  # capabilities of Linux: to change owners, read, write and own any file


def as_anybody(call):
    """What it returns in a process for which the mode of a file counts, whoever runs it."""
    here, there = multiprocessing.Pipe(False)
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(call, there))
    child.start()
    there.close()
    try:
        return here.recv()
    finally:
        child.join(60)


def _answer(call, pipe):
    if os.geteuid() == 0:
        libc, header, held = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
        assert libc.capget(header, held) == 0
        held[0], held[1] = held[0] & ~OF_FILES, held[1] & ~OF_FILES  # what counts, and what may be had
        assert libc.capset(header, held) == 0
    pipe.send(call())

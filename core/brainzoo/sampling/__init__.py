"""Draws a data set of any size onto the disk: by several processes, resumable, in flat memory.

An image depends on the seed and its index only, so processes share the indices, and each writes
what it draws where it belongs. Every process computes with one thread: convolution and matrix
libraries sum in another order with another number of threads, so that only this gives the same
bits with any number of workers.

What is drawn lies in ``NAME.part`` until it is complete; the same request goes on there.
"""

from brainzoo.sampling.drawing import Drawn, draw
from brainzoo.sampling.request import Request

__all__ = ["Drawn", "Request", "draw"]

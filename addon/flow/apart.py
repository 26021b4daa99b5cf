"""Take apart the layers of a connection, or of a request, that has ended.

Layers, their contexts and the generators that run in them refer to one another in circles. Left alone they
wait for the collector, and a flood of connections fills it: its rounds then stop everything for tenths of a
second. Taken apart they are freed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from mitmproxy.proxy.layer import Layer


def take(outermost: Layer) -> None:
    """Empty `outermost` and every layer that is reached from it; none of them is to be used any more."""
    found = {id(outermost): outermost}
    waiting = [outermost]
    while waiting:
        for layer in _beside(waiting.pop()):
            if id(layer) not in found:
                found[id(layer)] = layer
                waiting.append(layer)
    for layer in found.values():
        layer.context.layers.clear()
    for layer in found.values():
        empty(layer)


def soon(stream: Layer) -> None:
    """Empty the layer of a request that has been answered, once what is under way has been passed on."""
    asyncio.get_running_loop().call_soon(empty, stream)


def empty(whole: object) -> None:
    """Take all attributes of `whole` away.

    It is held in here meanwhile: `dict.clear` of an object that is freed by it reads freed memory
    (https://github.com/python/cpython/issues/130555, mended in 3.13 and 3.14 in March 2026).
    """
    vars(whole).clear()


def _beside(layer: Layer) -> Iterator[Layer]:
    values: list[Any] = [*vars(layer).values(), layer.context.layers]
    for value in values:
        if isinstance(value, Layer):
            yield value
        elif isinstance(value, dict):
            yield from (each for each in value.values() if isinstance(each, Layer))
        elif isinstance(value, list):
            yield from (each for each in value if isinstance(each, Layer))

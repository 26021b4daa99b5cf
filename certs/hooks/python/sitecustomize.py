"""Make Python programs trust the proxy's CA, also those that bring their own roots (stripe, requests).

Runs at the start of every Python that finds this folder on PYTHONPATH: any program, any version from 3.10.
So it stands alone, does nothing without `WHARFINGER_CA`, waits until `ssl` is imported, and swallows its
own errors: a program that cannot be helped must still run, and fails at its first TLS handshake.
A `sitecustomize` that would have run without this one is run after it.

Wherever a client loads roots of its own, the CA is loaded beside them; roots are never taken away. Not done
with truststore: it takes the place of `ssl.SSLContext`, and pip, which brings a truststore of its own, then
ends in a RecursionError at its first connection.
"""

# pathlib and typing would slow the start of every Python down; why errors are swallowed is said above.
# ruff: noqa: PTH100, PTH120, S110, BLE001
# mypy: ignore-errors

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_CA = os.environ.get("WHARFINGER_CA", "")


class _AfterSsl:
    """A finder that lets `ssl` be imported as ever and adds to it once it is.

    Not imported at once, because gevent and its like must patch sockets before anybody imports `ssl`.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "ssl":
            return None
        sys.meta_path.remove(_AfterSsl)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader:
    """The loader of `ssl`, with one step more."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        _add_to(module)


def _add_to(ssl):
    try:
        load = ssl.SSLContext.load_verify_locations

        def load_verify_locations(self, cafile=None, capath=None, cadata=None):
            load(self, cafile, capath, cadata)
            try:
                if self.protocol != ssl.PROTOCOL_TLS_SERVER:
                    load(self, _CA)
            except Exception:
                pass  # without the CA the program's own roots stand, and its handshake says what is wrong

        ssl.SSLContext.load_verify_locations = load_verify_locations
    except Exception:
        pass


def _chain():
    """Run the `sitecustomize` that this one hides, in its place."""
    folders = [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", folders)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if _CA:
    if "ssl" in sys.modules:
        _add_to(sys.modules["ssl"])
    else:
        sys.meta_path.insert(0, _AfterSsl)
_chain()

"""Sources as a configuration declares them, and the clients that ask them."""

import time

import pytest
from wharfinger.credentials.sources import Asked, Environment, Means
from wharfinger.rules.models.origins import origin
from wharfinger.rules.models.sources import DeclaredSource


class Clock:
    """Real time, set forward by as much as a test says."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def source(tmp_path, clock):
    """`source(kind="vault", …)` declares it, and gives `read("vault:path#field")`."""
    folder = tmp_path / "conf"
    folder.mkdir(mode=0o700)
    variables = {}
    means = Means(Environment(variables), now=clock)

    def declared(**written):
        secrets = {key: value for key, value in written.items() if isinstance(value, tuple)}
        for key, (value,) in secrets.items():
            path = folder / f"{key}.secret"
            path.write_text(value)
            path.chmod(0o600)
            written[key] = f"file:{path.name}"
        asked = Asked(folder, means, {"src": DeclaredSource.model_validate(written)})

        def read(text):
            return asked.source(origin(f"src:{text}")).fetch()

        return read

    declared.folder = folder
    return declared


@pytest.fixture
def close():
    """Servers to close at the end."""
    open_ = []
    yield lambda server: (open_.append(server), server)[1]
    for server in open_:
        server.close()

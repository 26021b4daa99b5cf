"""Each locked option, flipped: vetoed while running, and found by the check before serving."""

from __future__ import annotations

import json
from typing import Any

import certifi
import pytest
from mitmproxy import exceptions, options
from mitmproxy.addons import proxyserver
from wharfinger.certs import bundle
from wharfinger.flow.options import KEY_LOGS, LOCKED, OptionLock, Unsafe, deviations

FLIPPED: dict[str, Any] = {
    "connection_strategy": "eager",
    "stream_large_bodies": "1",
    "body_size_limit": "1k",
    "client_certs": "/tmp/x.pem",
    "connect_addr": "127.0.0.2",
    "ssl_verify_upstream_trusted_ca": "/tmp/x.pem",
    "ssl_verify_upstream_trusted_confdir": "/tmp",
    "mode": ["socks5"],
    "certs": ["/tmp/x.pem"],
}
LISTS = ("ignore_hosts", "allow_hosts", "tcp_hosts", "udp_hosts")


def flipped(name: str) -> Any:
    if name in FLIPPED:
        return FLIPPED[name]
    return ["example"] if name in LISTS else not LOCKED[name]


@pytest.fixture
async def opts() -> Any:
    """Options as the master has them: mitmproxy's own and the listener's."""
    made = options.Options()
    loader = type("Loader", (), {"add_option": lambda _self, name, kind, default, text, choices=None: (
        made.add_option(name, kind, default, text, choices))})()  # fmt: skip
    proxyserver.Proxyserver().load(loader)  # type: ignore[no-untyped-call]
    made.update(**{name: value for name, value in LOCKED.items() if name in made})
    return made


def test_positive_control_the_locked_values_pass(opts: Any) -> None:
    assert deviations(opts) == []


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_a_flipped_option_is_found(opts: Any, name: str) -> None:
    opts.update(**{name: flipped(name)})
    (found,) = deviations(opts)
    assert found.startswith(f"option {name} is ")


@pytest.mark.parametrize("name", sorted(LOCKED))
async def test_a_running_proxy_vetoes_the_change_and_keeps_the_value(proxy: Any, name: str) -> None:
    master = proxy.runtime.master
    with pytest.raises(exceptions.OptionsError, match=r"locked|requires the|not exist"):
        master.options.update(**{name: flipped(name)})
    assert getattr(master.options, name) == LOCKED[name]
    master.check()


async def test_the_lock_lets_other_options_be(proxy: Any) -> None:
    proxy.runtime.master.options.update(tcp_timeout=500)
    assert proxy.runtime.master.options.tcp_timeout == 500
    OptionLock(proxy.runtime.master.options).configure({"confdir"})


@pytest.mark.parametrize("name", KEY_LOGS)
async def test_a_key_log_in_the_environment_refuses_to_start(proxy: Any, monkeypatch: Any, name: str) -> None:
    monkeypatch.setenv(name, "/tmp/keys.log")
    with pytest.raises(Unsafe, match=name):
        proxy.runtime.master.check()


async def test_every_deviation_is_named_not_the_first(proxy: Any, monkeypatch: Any) -> None:
    for name in KEY_LOGS:
        monkeypatch.setenv(name, "/tmp/keys.log")
    with pytest.raises(Unsafe) as caught:
        proxy.runtime.master.check()
    assert all(name in str(caught.value) for name in KEY_LOGS)


async def test_a_compromised_root_in_the_trust_store_refuses_to_start(proxy: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bundle, "check_roots", lambda _pem: ["emSign ECC Root CA - G3"])
    with pytest.raises(Unsafe, match="emSign"):
        proxy.runtime.master.check()


def test_the_trust_store_in_use_is_clean() -> None:
    with open(certifi.where(), "rb") as roots:  # noqa: PTH123
        assert list(bundle.check_roots(roots.read())) == []


async def test_only_the_addons_it_needs_are_there(proxy: Any) -> None:
    """No onboarding, no scripts, no map_remote, no TLS addon with a compromised chain."""
    names = [addon.name if hasattr(addon, "name") else type(addon).__name__.lower()
             for addon in proxy.runtime.master.addons.chain]  # fmt: skip
    assert names == ["core", "proxyserver", "optionlock"]
    for option in ("onboarding", "scripts", "emudhra", "emudhra_old", "map_remote", "save_stream_file"):
        assert option not in proxy.runtime.master.options, option


def test_flipped_values_differ() -> None:
    for name, value in LOCKED.items():
        assert json.dumps(flipped(name)) != json.dumps(value), name

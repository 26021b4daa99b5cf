"""What machines see of a proxy that was started as users start it."""

from __future__ import annotations

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from staging.stage import Operator


def test_a_running_proxy_is_ready_and_shows_its_numbers_to_a_token(operator: Operator) -> None:
    made = operator.run("tokens", "add", "prometheus", "--as", "alice")
    bearer = {"Authorization": f"Bearer {made.out.strip()}"}
    with httpx2.Client(base_url=operator.told["console"], trust_env=False, timeout=30) as http:
        assert http.get("/healthz").json() == {"office": "serving", "proxy": "answers"}
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True), ready.text
        assert http.get("/metrics").status_code == 401
        shown = http.get("/metrics", headers=bearer)
    assert shown.status_code == 200, shown.text
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(shown.text)
        for sample in family.samples
    }
    assert found["wharfinger_build_info"] == 1
    assert found["wharfinger_self_test_passed"] == 1
    assert found["wharfinger_book_broken"] == 0
    assert found["wharfinger_book_size"] >= found["wharfinger_book_events_total"] >= 1
    assert found["wharfinger_book_write_seconds_count"] >= 1
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_open_fds"] > 0
    for secret in operator.world.keys.values():
        assert secret not in shown.text

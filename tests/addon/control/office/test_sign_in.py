"""Signing in and out at the office: sessions, roles, links, and where one comes to after."""

import pytest
from wharfinger.control.office.pages.sign_in import own_path
from wharfinger.control.office.site import Site

from .conftest import PASSWORD

PAGES = ["/", "/approvals", "/audit", "/account", "/approvals/a_x", "/audit/d_x", "/part", "/approvals/part"]


async def with_password(house, person: str) -> None:
    await house.desk.sessions.set_password(person, PASSWORD)


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_a_page_who_has_not_signed_in(house, path) -> None:
    answer = await house.browser().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    assert (await house.browser().get("/live")).status_code == 401


async def test_a_person_signs_in_with_a_password_and_comes_to_where_they_wanted(house) -> None:
    await with_password(house, "bob")
    browser = house.browser()
    asked = await browser.get("/audit?q=x")
    form = await browser.get(asked.headers["location"])
    assert 'name="next" value="/audit?q=x"' in form.text
    answer = await browser.post("/sign-in", {"person": "bob", "password": PASSWORD, "next": "/audit?q=x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit?q=x")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"wharfinger-{house.port}=ws_")
    for part in ("Path=/", "HttpOnly", "SameSite=Strict"):
        assert part in cookie
    assert "bob" in (await browser.get("/audit?q=x")).text


@pytest.mark.parametrize(("person", "password"), [("bob", "wrong " + PASSWORD), ("nobody", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_look_alike(house, person, password) -> None:
    await with_password(house, "bob")
    browser = house.browser()
    answer = await browser.post("/sign-in", {"person": person, "password": password})
    assert answer.status_code == 403
    assert "This name and this password do not go together" in answer.text
    assert person not in answer.text
    assert "set-cookie" not in answer.headers


async def test_guessing_is_made_to_wait(house) -> None:
    await with_password(house, "bob")
    browser = house.browser()
    said = [
        (await browser.post("/sign-in", {"person": "bob", "password": f"wrong {PASSWORD} {n}"})).status_code
        for n in range(6)
    ]
    assert said == [403, 403, 403, 403, 429, 429]
    right = await browser.post("/sign-in", {"person": "bob", "password": PASSWORD})
    assert right.status_code == 429


async def test_a_link_signs_in_once_and_leads_to_setting_a_password(house) -> None:
    link = await house.desk.sessions.link("vera")
    browser = house.browser()
    assert (await browser.get("/sign-in/link")).status_code == 200
    answer = await browser.post("/sign-in/link", {"link": link})
    assert answer.headers["location"] == "/account"
    account = await browser.get("/account")
    assert "You have none yet" in account.text
    set_ = await browser.post("/account/password", {"password": PASSWORD, "again": PASSWORD})
    assert "Your password is set" in set_.text
    again = await house.browser().post("/sign-in/link", {"link": link})
    assert again.status_code == 403
    assert (
        await house.browser().post("/sign-in", {"person": "vera", "password": PASSWORD})
    ).status_code == 303


async def test_the_session_is_a_new_one_each_time_and_the_old_one_is_over(real) -> None:
    """No fixation: what a browser brought to the sign-in is never what it has after."""
    await with_password(real, "bob")
    browser = real.browser()
    port = real.port
    browser.http.cookies.set(f"wharfinger-{port}", "ws_" + "A" * 43, domain="127.0.0.1", path="/")
    await browser.post("/sign-in", {"person": "bob", "password": PASSWORD})
    first = browser.cookie
    assert first != "ws_" + "A" * 43
    await browser.post("/sign-in", {"person": "bob", "password": PASSWORD})
    assert browser.cookie != first
    old = real.browser()
    old.http.cookies.set(f"wharfinger-{port}", first, domain="127.0.0.1", path="/")
    assert (await old.get("/account")).status_code == 303


async def test_signing_out_ends_it_everywhere(house) -> None:
    browser = await house.signed_in("bob")
    token = browser.cookie
    answer = await browser.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    other = house.browser()
    other.http.cookies.set(f"wharfinger-{house.port}", token, domain="127.0.0.1", path="/")
    assert (await other.get("/account")).status_code == 303


async def test_a_role_that_changes_holds_at_once(house) -> None:
    browser = await house.signed_in("alice")
    assert "Stop everything" in (await browser.get("/")).text
    house.declared["alice"] = house.declared["vera"]
    assert "Stop everything" not in (await browser.get("/")).text
    assert (await browser.post("/stop", {"reason": "x"})).status_code == 403
    del house.declared["alice"]
    assert (await browser.get("/")).status_code == 303
    assert house.stopped == []


async def test_a_viewer_sees_and_changes_nothing(house) -> None:
    browser = await house.signed_in("vera")
    for path in ("/", "/approvals", "/audit", "/account"):
        assert (await browser.get(path)).status_code == 200
    assert (await browser.post("/stop", {"reason": "x"})).status_code == 403
    assert (
        await browser.post("/account/tokens", {"label": "x", "role": "admin", "days": "1"})
    ).status_code == 400


async def test_two_cookies_of_the_name_are_none(house) -> None:
    browser = await house.signed_in("bob")
    name = f"wharfinger-{house.port}"
    other = house.browser()
    answer = await other.get("/account", Cookie=f"{name}={browser.cookie}; {name}=ws_other")
    assert answer.status_code == 303
    assert (await other.get("/account", Cookie=f"a=b; {name}={browser.cookie}")).status_code == 200


async def test_who_comes_from_another_site_is_led_on(house) -> None:
    """SameSite=Strict keeps the cookie back from links elsewhere, so a page of ours asks again."""
    answer = await house.browser().get("/approvals", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "\\\\evil",
        "javascript:alert(1)",
        "evil", "", "/a\nb", "///evil.example.com", "http:/x", "/\tx", "/ü",
    ],
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(wanted) -> None:
    assert own_path(wanted) == "/"


@pytest.mark.parametrize("wanted", ["/", "/audit?q=a%20b&kind=denied", "/approvals/a_x"])
def test_signing_in_leads_to_pages_of_ours(wanted) -> None:
    assert own_path(wanted) == wanted


def test_where_there_is_https_the_cookie_is_bound_to_the_host() -> None:
    cookie = Site.of(8081, "https://console.example.com/").set_cookie("x", 60)
    assert cookie.startswith("__Host-wharfinger-8081=x; Path=/;")
    assert cookie.endswith("SameSite=Strict; Secure")
    assert "Domain" not in cookie


def test_an_office_for_others_answers_to_that_address_too() -> None:
    site = Site.of(8081, "https://Wharf.example.com:8443/console")
    assert "wharf.example.com:8443" in site.hosts
    assert "127.0.0.1:8081" in site.hosts
    assert "https://wharf.example.com:8443" in site.origins
    assert Site.of(8081).hosts == site.hosts - {"wharf.example.com:8443"}
    assert not Site.of(8081).secure

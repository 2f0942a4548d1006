"""The real server, asked by readers, by its owner, and by those who should get nothing."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .serving import SIDE, Browser, Reply, Running, Site, answer_of, make_study, token_of


def test_readers_owner_and_strangers_reach_what_is_theirs_and_nothing_else(site: Site) -> None:
    shown = site.reader.post("/api/show", {"position": 1})
    image = f"/api/image/{shown.json['token']}/0"
    ask: dict[str, Callable[[Browser], Reply]] = {
        "/read": lambda b: b.get("/read"),
        "/api/session": lambda b: b.get("/api/session"),
        "image": lambda b: b.get(image),
        "/owner": lambda b: b.get("/owner"),
        "/owner/api/progress": lambda b: b.get("/owner/api/progress"),
        "/owner/answers.csv": lambda b: b.get("/owner/answers.csv"),
        "/owner/answers.zip": lambda b: b.get("/owner/answers.zip"),
        "show": lambda b: b.post("/api/show", {"position": 1}),
        "start": lambda b: b.post("/api/start", {"group": "", "years": None, "consent": True}),
        "finish": lambda b: b.post("/api/finish"),
        "renew": lambda b: b.post("/owner/api/renew", {"reader": "R1"}),
        "answer": lambda b: b.post("/api/answer", answer_of(1, token_of(site, 3, 1))),
    }
    swapped = site.browser()  # the owner's secret as a reader's cookie, and the other way round
    values = [*site.owner.cookies.values(), *site.reader.cookies.values()]
    swapped.cookies = dict(zip([*site.reader.cookies, *site.owner.cookies], values, strict=True))
    edited = site.browser()
    # Not the last character: of that, base64 leaves bits unused, and another may say the same.
    edited.cookies = {
        name: value[:-9] + ("B" if value[-9] == "A" else "A") + value[-8:]
        for name, value in site.reader.cookies.items()
    }
    edited.csrf = site.reader.csrf
    nobody = [401, 401, 401, 404, 404, 404, 404, 401, 401, 401, 404, 401]
    reader = [200, 200, 200, 404, 404, 404, 404, 200, 200, 409, 404, 409]
    foreign = [200, 200, 404, 404, 404, 404, 404, 200, 200, 409, 404, 409]
    owner = [401, 401, 401, 200, 200, 200, 200, 401, 401, 401, 200, 401]
    for browser, expected in (
        (site.stranger, nobody),
        (swapped, nobody),
        (edited, nobody),
        (site.reader, reader),
        (site.other, foreign),
        (site.owner, owner),
    ):
        assert {name: work(browser).status for name, work in ask.items()} == dict(
            zip(ask, expected, strict=True)
        )


@pytest.mark.parametrize(
    "path",
    [
        "/key.json",
        "/study.json",
        "/server/study.json",
        "/answers.sqlite",
        "/owner-token",
        "/assets/..%2f..%2fkey.json",
        "/assets/owner.html.j2",
        "/assets/../key.json",
        "/api/score",
        "/api/truth",
        "/api/readers",
        "/owner/",
        "/owner/open/",
        "/owner/open/guessed",
        "/join/",
        "/docs",
        "/api/image/x/0",
        "/api/image/" + "0" * 32 + "/0",
        "/api/image/" + "0" * 32 + "/-1",
    ],
)
def test_there_is_nothing_else_to_find(site: Site, path: str) -> None:
    assert site.reader.get(path).status == 404
    assert site.reader.ask("DELETE", path).status in (404, 405)


def test_a_page_before_its_time_tells_no_token_no_order_and_no_truth(site: Site) -> None:
    found = site.other.get("/api/session")
    assert {name for trial in found.json["trials"] for name in trial} == {"position", "phase"}
    everything = found.body + site.other.get("/read").body
    sent = everything.decode().replace(token_of(site, 1, 1), "")
    secret = [place.token for seat in site.package.seats for place in seat.order]
    secret += [image for case in site.package.cases for image in case.images]
    secret += [seat.session for seat in site.package.seats if seat.reader != "R2"]
    assert not [word for word in secret if word in sent]
    # Whole words: "c003" stands in one of some hundred random tokens by chance.
    assert not {case.case for case in site.package.cases} & set(re.findall(r"[\w-]+", sent))


def test_images_look_alike_from_outside(site: Site) -> None:
    browser = site.browser().join(site.server.invitations["R3"]).start()
    seen = set()
    for position in range(1, len(site.package.seats[2].order) + 1):
        token = browser.post("/api/show", {"position": position}).json["token"]
        found = browser.get(f"/api/image/{token}/0")
        assert len(found.body) == SIDE * SIDE
        headers = {name: value for name, value in found.headers.items() if name != "date"}
        assert not {"etag", "last-modified", "accept-ranges", "content-disposition"} & set(headers)
        seen.add(json.dumps(headers))
        assert browser.post("/api/answer", answer_of(position, token)).json["stored"]
        assert browser.get(f"/api/image/{token}/0").status == 410
    assert len(seen) == 1
    assert browser.get("/api/session").json["next"] is None
    assert browser.post("/api/finish").status == 200
    assert browser.get("/api/session").json["finished"]
    browser.close()


def test_every_answer_carries_the_headers_that_browsers_need(site: Site) -> None:
    invitation = site.server.invitations["R4"]
    replies = [
        site.reader.get("/read"),
        site.reader.get("/api/session"),
        site.reader.get("/nowhere"),
        site.stranger.get("/read"),
        site.stranger.get("/assets/server.css"),
        site.stranger.get(invitation),
        site.owner.get("/owner"),
        site.reader.get("/read", Host="evil.example"),
    ]
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert "server" not in reply.headers


def test_looking_at_an_invitation_does_not_use_it_up_and_a_second_browser_is_turned_away(
    site: Site,
) -> None:
    invitation = site.server.invitations["R4"]
    for _ in range(3):
        assert b"Begin" in site.browser().get(invitation).body
    browser = site.browser()
    first = browser.ask("POST", invitation)
    assert (first.status, first.headers["location"]) == (303, "/read")
    flags = first.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    second = site.browser().ask("POST", invitation)
    assert second.status == 410
    assert "set-cookie" not in second.headers
    assert b"was used already" in second.body
    looked = site.browser().get(invitation)
    assert looked.status == 410
    assert b'href="/read"' in looked.body
    assert browser.ask("POST", invitation).status == 303  # a second click in the same browser
    assert browser.get("/api/session").json["seat"] == "R4"


def test_writing_needs_the_token_of_ones_own_page_and_ones_own_site(site: Site) -> None:
    event = {"position": 1}
    for csrf in ("", "0" * 64, site.other.csrf, site.owner.csrf):
        found = site.reader.post("/api/show", event, **{"X-Quiz-CSRF": csrf})
        assert (found.status, found.code) == (403, "csrf")
    assert site.owner.post("/owner/api/close", **{"X-Quiz-CSRF": site.reader.csrf}).status == 403
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": site.server.url.replace("127.0.0.1", "127.0.0.2")},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        found = site.reader.post("/api/show", event, **headers)
        assert (found.status, found.code) == (403, "origin")
        assert (
            site.browser().ask("POST", site.server.invitations["R5"], None, headers).status == 403
        )
    own = {"Origin": site.server.url, "Sec-Fetch-Site": "same-origin"}
    assert site.reader.post("/api/show", event, **own).status == 200
    found = site.reader.post("/api/show", event, **{"Content-Type": "text/plain"})
    assert found.status == 415


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "study:8765"])
def test_another_host_name_is_refused(site: Site, host: str) -> None:
    found = site.reader.get("/api/session", Host=host)
    assert (found.status, found.code) == (421, "host")


def test_large_and_odd_bodies_are_refused(site: Site) -> None:
    headers = {"Content-Type": "application/json", "X-Quiz-CSRF": site.reader.csrf}
    large = b'{"position": 1, "kind": "' + b"x" * 100_000 + b'"}'
    assert site.reader.ask("POST", "/api/show", large, headers).status == 413
    chunked = (large[i : i + 1000] for i in range(0, len(large), 1000))
    site.reader.close()
    found = site.reader.ask("POST", "/api/show", chunked, headers)  # type: ignore[arg-type]
    assert found.status == 413
    site.reader.close()
    for body in (b"", b"[]", b"{", b"\xff", b'{"a": 1, "a": 1}', b'{"a": NaN}', b"[" * 9000):
        found = site.reader.ask("POST", "/api/show", body, headers)
        assert (found.status, found.code) == (400, "bad-request")
    assert site.reader.get("/api/session").status == 200


def test_the_owner_renews_an_invitation(site: Site) -> None:
    link = site.owner.post("/owner/api/renew", {"reader": "R5"}).json["invitation"]
    assert site.browser().get(site.server.invitations["R5"]).status == 404
    first = site.browser().join(link)
    assert first.get("/api/session").json["seat"] == "R5"
    again = site.owner.post("/owner/api/renew", {"reader": "R5"}).json["invitation"]
    assert first.get("/api/session").status == 200
    second = site.browser().join(again)
    assert first.get("/api/session").status == 401
    assert b"has not joined" in first.get("/read").body
    assert second.get("/api/session").status == 200
    assert site.owner.post("/owner/api/renew", {"reader": "nobody"}).status == 404


def test_the_log_holds_no_secrets(site: Site) -> None:
    secret = [link.rsplit("/", 1)[-1] for link in site.server.invitations.values()]
    secret += [site.server.owner.rsplit("/", 1)[-1], *site.reader.cookies.values()]
    secret += [place.token for seat in site.package.seats for place in seat.order]
    said = site.server.said()
    assert "answers go to" in said
    assert not [word for word in secret if word in said]


def test_tls_and_its_cookies(tmp_path: Path, serve: Callable[..., Running]) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    make_study(tmp_path / "study")
    server = serve(tmp_path / "study", "--tls-cert", str(cert), "--tls-key", str(key))
    assert server.url.startswith("https://127.0.0.1:")
    browser = Browser(server.url)
    trust = ssl.create_default_context(cafile=cert)
    place = urlsplit(server.url).netloc
    browser.connection = http.client.HTTPSConnection(place, timeout=60, context=trust)
    reply = browser.ask("POST", server.invitations["R1"], None, {"Origin": server.url})
    assert reply.status == 303
    assert reply.headers["set-cookie"].startswith("__Host-quiz-")
    assert "; Secure" in reply.headers["set-cookie"]
    assert browser.get("/api/session").status == 200
    browser.close()

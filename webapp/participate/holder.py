"""Who may read saved answers, or what a pair shares, through a link: only a browser that holds them, or one that was told the code.

A personal link passes through other hands, above all the coordinator's, who may hand it out. It therefore opens an empty
questionnaire for anybody, but never what somebody has saved. The browser that saves the first answer gets a cookie that is
computed from the response's own random key; a short code computed from the same key lets the person go on elsewhere.
Nothing about either is stored. Until the cookie has arrived, a secret that the browser made for its first save stands in for it: that
answer may have got lost on the way. Starting over gives the response a new key, so that whoever held the old one holds nothing.
What a pair shares is held in the same way, by the pair's own key: no answer opens it, and it opens no answer.
"""

import datetime as dt
import hmac
import re

from flask import current_app, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from surveys import accounts
from surveys.invitations import LINK_GRACE
from surveys.responses import ResponseView

# A window of a few weeks, and then as long as the link opens anything.
COOKIE_LIFE = dt.timedelta(days=30) + LINK_GRACE
CLAIM = re.compile(r"[0-9a-f]{32}")
CODE_DIGITS = 8
# What a pair shares is looked at as long as a programme lasts; browsers keep no cookie longer.
PAIR_LIFE = dt.timedelta(days=400)
# Eight digits and five tries an hour: the whole window of a wave is too short to find one by trying.
TRIES = 5
TRIES_WINDOW = dt.timedelta(hours=1)


def is_held(response: ResponseView) -> bool:
    """Whether this browser is the one that saved the response, or was told its code."""
    return holds(response.tag) or response.is_claimed


def read_claim() -> str | None:
    """The secret that the browser made for what it sends now, None without one."""
    claim = request.form.get("claim", "") if request.method == "POST" else ""
    return claim if CLAIM.fullmatch(claim) else None


def holds(tag: str) -> bool:
    """Whether this browser holds what goes by a tag."""
    given = request.cookies.get(_cookie_name(tag), "")
    return hmac.compare_digest(given.encode(), _derive("cookie", tag).encode())


def code_of(tag: str) -> str:
    """The code with which somebody can go on in another browser, in two groups of digits."""
    digits = str(int(_derive("code", tag), 16))[-CODE_DIGITS:]
    return f"{digits[: CODE_DIGITS // 2]} {digits[CODE_DIGITS // 2 :]}"


def pair_tag(secret: str) -> str:
    """The tag of what a pair shares, by the pair's secret."""
    return f"pair {secret}"


def try_code(session: Session, key: str, tag: str | None, typed: str, *, now: dt.datetime) -> bool | None:
    """Whether a typed code is the right one; None once it was tried too often under this key.

    Where nothing is saved, tries are counted too: else the guess that is refused would tell that somebody has answered.
    """
    tries = accounts.hit(session, f"continue:{key}", TRIES, TRIES_WINDOW, now=now)
    if tries.exceeded:
        return None
    if tag is None:
        return False
    digits = "".join(str(int(sign)) for sign in typed[:40] if sign.isdecimal())
    return hmac.compare_digest(digits.encode(), code_of(tag).replace(" ", "").encode())


def hold(answer: AnyResponse, response: ResponseView, life: dt.timedelta = COOKIE_LIFE) -> AnyResponse:
    """Let this browser read the response from now on."""
    return hold_tag(answer, response.tag, life)


def hold_tag(answer: AnyResponse, tag: str, life: dt.timedelta) -> AnyResponse:
    """Let this browser hold what goes by a tag from now on."""
    answer.set_cookie(
        _cookie_name(tag),
        _derive("cookie", tag),
        max_age=life,
        path="/s/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def mark_of(subject: str) -> str:
    """The name of a cookie that only this service can tell the meaning of."""
    return f"mark_{_derive('mark', subject)[:12]}"


def _cookie_name(tag: str) -> str:
    """A name of its own for each tag, so that one browser can hold several."""
    return f"answers_{_derive('name', tag)[:12]}"


def _derive(purpose: str, tag: str) -> str:
    """A value that nobody can compute without the service's secret key."""
    secret = current_app.config["SECRET_KEY"]
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, f"holder:{purpose}:{tag}".encode(), "sha256").hexdigest()

"""A small reader of GitHub's REST API: pages, rate limits and failures, in words for the person at the terminal."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import urlencode

API = "https://api.github.com"
TRIES = 3
LONGEST_WAIT_S = 60  # a longer limit is reported instead of slept through
TIMEOUT_S = 30
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class GitHubError(Exception):
    """Why GitHub could not be read, and the way out."""


class GitHub:
    """Reads JSON from the API at `api`, with a token."""

    def __init__(self, token: str, api: str = API, sleep: Callable[[float], None] = time.sleep) -> None:
        self._token, self._api, self._sleep = token, api.rstrip("/"), sleep

    def login(self) -> str:
        """The account that the token belongs to."""
        found, _ = self._get(f"{self._api}/user")
        return str(found["login"])

    def search(self, query: str) -> Iterator[dict[str, Any]]:
        """All issues and pull requests that fit, page by page (the API gives at most 1,000)."""
        url = f"{self._api}/search/issues?{urlencode({'q': query, 'per_page': 100, 'sort': 'created', 'order': 'asc'})}"
        while url:
            found, headers = self._get(url)
            if found.get("incomplete_results"):
                raise GitHubError("GitHub ran out of time and gave an incomplete list: try again later")
            yield from found["items"]
            following = _NEXT.search(headers.get("Link", ""))
            url = following.group(1) if following else ""
            if url and not url.startswith(f"{self._api}/"):
                raise GitHubError(f"the next page lies at another host ({url}); the token is not sent there")

    def _get(self, url: str) -> tuple[dict[str, Any], Message]:
        request = urllib.request.Request(
            url,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "verifolio",
            },
        )
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                    return json.load(answer), answer.headers
            except urllib.error.HTTPError as error:
                self._sleep(_wait_for(error, attempt, last=last))
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                if last:
                    reason = getattr(error, "reason", error)
                    raise GitHubError(
                        f"no connection to {self._api} ({reason}): check the network; the old file is kept"
                    ) from None
                self._sleep(2.0**attempt)
            except ValueError:
                raise GitHubError(f"{self._api} answered something that is not JSON: is it GitHub?") from None
        raise AssertionError("the last attempt returns or raises")


def _wait_for(error: urllib.error.HTTPError, attempt: int, *, last: bool) -> float:
    """Seconds to wait before the next attempt, or GitHubError when another will not help."""
    headers = error.headers
    if error.code == 401:
        raise GitHubError(
            "401: GitHub does not accept the token: make a new one with read access to public data"
        ) from None
    if error.code in (403, 429) and _is_limit(headers):
        wait = _limit_wait_s(headers)
        if last or wait > LONGEST_WAIT_S:
            at = datetime.fromtimestamp(time.time() + wait, UTC).strftime("%H:%M UTC")
            raise GitHubError(f"{error.code}: rate limit reached; try again after {at}") from None
        return wait
    if error.code == 403:
        raise GitHubError("403: the token may not read this: give it read access to public data") from None
    if error.code >= 500:
        if last:
            raise GitHubError(f"{error.code}: GitHub has trouble of its own: try again later") from None
        return 2.0**attempt
    raise GitHubError(f"{error.code}: {_message(error)}") from None


def _is_limit(headers: Message) -> bool:
    return headers.get("Retry-After") is not None or headers.get("X-RateLimit-Remaining") == "0"


def _limit_wait_s(headers: Message) -> float:
    if (after := headers.get("Retry-After", "")).isdigit():
        return float(after)
    reset = headers.get("X-RateLimit-Reset", "")
    return max(1.0, float(reset) - time.time()) if reset.isdigit() else float(LONGEST_WAIT_S)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error).get("message", error.reason))
    except (ValueError, AttributeError):
        return str(error.reason)

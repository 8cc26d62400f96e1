"""Clients behind a company's proxy, named by `http_proxy`, `https_proxy` and `no_proxy`.

The rules are those of Go's `net/http`, which docker, oras and cosign follow: a variable in lower
case wins, and this machine is never reached through a proxy.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.util import make_headers

from goldenpath.errors import InvalidInput


class Proxies:
    """The proxy for each URL, by the environment variables of one process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._proxies = {
            scheme: _address(_value(environment, f"{scheme}_proxy"), f"{scheme}_proxy")
            for scheme in ("http", "https")
        }
        self._direct = [each.strip().lower() for each in _value(environment, "no_proxy").split(",")]

    def of(self, url: str) -> str | None:
        """Return the URL of the proxy; None if the host is reached directly."""
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme)
        if not proxy or not parts.hostname:
            return None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname.lower()
        if _is_this_machine(host) or any(_matches(rule, host, port) for rule in self._direct):
            return None
        return proxy


class ClientPools:
    """Connections to servers, direct or through a proxy. Safe to share between threads."""

    def __init__(self, environment: Mapping[str, str], **options: Any) -> None:
        """`options` are those of `urllib3.PoolManager`."""
        self._proxies = Proxies(environment)
        self._options = options
        self._direct = urllib3.PoolManager(**options)
        self._proxied: dict[str, urllib3.ProxyManager] = {}

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send a request, as `urllib3.PoolManager.request` does."""
        proxy = self._proxies.of(url)
        if proxy is None:
            return self._direct.request(method, url, **options)
        pool = self._proxied.get(proxy)
        if pool is None:
            # Two threads may both make one; either works.
            pool = self._proxied[proxy] = urllib3.ProxyManager(
                _without_user(proxy), proxy_headers=_authorization(proxy), **self._options
            )
        return pool.request(method, url, **options)


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _address(value: str, name: str) -> str:
    """Return the URL of a proxy; the scheme may be missing, as in `proxy.bank.example:3128`."""
    if not value:
        return ""
    url = value if "://" in value else f"http://{value}"
    parts = urlsplit(url)
    try:
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        # The value may hold a password, so it is not repeated.
        raise InvalidInput(
            f"{name} is not the address of a proxy: expected http://HOST:PORT",
            hint=f"correct the environment variable {name}, or unset it",
        )
    return url


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(rule: str, host: str, port: int) -> bool:
    """Whether a rule of `no_proxy` names the host: a name, `.suffix`, IP, CIDR or `*`."""
    if rule == "*":
        return True
    if not rule:
        return False
    if "/" in rule:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, colon, digits = rule.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.startswith("[")):
        if int(digits) != port:
            return False
        rule = name
    rule = rule.strip("[]").removeprefix("*")
    return (
        host.endswith(rule) if rule.startswith(".") else host == rule or host.endswith(f".{rule}")
    )


def _without_user(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return dict(make_headers(proxy_basic_auth=secret))

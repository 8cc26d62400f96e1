"""The sender of one channel: it empties the outbox, in order, and tries again with back-off.

    waiting --taken--> acknowledged
    waiting --refused--> waits for its own pause, others go on
    waiting --no answer--> the channel pauses

A pause doubles from 1 s to 5 minutes. Nothing is ever given up.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from goldenpath.audit.alarms.alarm_file import append_alarm
from goldenpath.audit.alarms.alarm_mail import send_mail
from goldenpath.audit.alarms.alertmanager import PATH, alerts_body
from goldenpath.audit.alarms.channel_secrets import ChannelSecrets
from goldenpath.audit.alarms.cloud_event import event_body, signed_headers
from goldenpath.audit.alarms.notice import Notice
from goldenpath.audit.alarms.outbox import Outbox, safe_name
from goldenpath.backoff import pause_after
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.files import write_whole
from goldenpath.http.posting import Poster
from goldenpath.parsers.typed import read_record
from goldenpath.promote.platform.alarm_rules import (
    AlarmChannel,
    AlertmanagerChannel,
    FileChannel,
    MailChannel,
    WebhookChannel,
)
from goldenpath.times import ElapsedTime

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
REPEAT_SECONDS = 60.0
"""How often open alarms are posted again to an Alertmanager."""
MOST_REPEATED = 1_000
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class SendingTools:
    """What every sender needs."""

    alarms: Path
    """Folder of the files of `FileChannel`."""
    secrets: ChannelSecrets
    environment: Mapping[str, str]
    """Names proxies."""
    ca_file: Path | None
    report: Callable[[str, str], None]
    """Called with the channel and what failed; an empty text means that it works again."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class ChannelSender:
    """The sender of one channel of one stage."""

    def __init__(
        self, name: str, channel: AlarmChannel, outbox: Outbox, tools: SendingTools
    ) -> None:
        """`name` is `STAGE.CHANNEL`."""
        self.name = name
        self.channel = channel
        self.outbox = outbox
        self.fault = ""
        """Why the last attempt failed; empty if it did not."""
        self._tools = tools
        self._poster = Poster(tools.environment, tools.ca_file)
        self._again: dict[str, tuple[int, float]] = {}
        """By message: failures so far, and when to try again, in seconds that passed."""
        self._failures = 0
        self._pause_until = 0.0
        self._repeated = -math.inf
        self._elapsed = ElapsedTime()

    def round(self) -> None:
        """Send everything that is due."""
        now = self._elapsed.at(self._tools.clock())
        if now < self._pause_until:
            return
        blocked: set[str] = set()
        for name in self.outbox.names():
            try:
                self._send(name, blocked, now)
            except Unavailable as error:
                self._pause(error.message, now)
                return
            except (GoldenPathError, OSError) as error:
                self._postpone(name, str(error), now)
        self._repeat(now)

    def _send(self, name: str, blocked: set[str], now: float) -> None:
        """Send one message, unless it or an older one of the same finding has to wait."""
        notice = self.outbox.read(name)
        waits = self._again.get(name, (0, 0.0))[1] > now
        if waits or notice.finding in blocked:
            blocked.add(notice.finding)
            return
        blocked.add(notice.finding)  # until it is taken
        refused = self._hand_over(notice)
        blocked.discard(notice.finding)
        self._stand(notice)
        self.outbox.acknowledge(name)
        self._again.pop(name, None)
        self._failures = 0
        self._note(f"not for {', '.join(refused)}: the server refuses them" if refused else "")

    def _hand_over(self, notice: Notice) -> tuple[str, ...]:
        """Give the notice to the receiver; returns once it was taken."""
        tools, channel = self._tools, self.channel
        match channel:
            case AlertmanagerChannel():
                self._post(channel.url + PATH, alerts_body([notice], tools.clock()), self._bearer())
            case WebhookChannel():
                body, key = event_body(notice), tools.secrets.webhook(self.name, channel.signature)
                headers = signed_headers(notice, body, key, tools.clock())
                self._post(channel.url, body, headers)
            case MailChannel():
                password = tools.secrets.text(self.name) if channel.user else ""
                return send_mail(notice, channel, password, tools.ca_file)
            case FileChannel():
                append_alarm(tools.alarms, channel.file, notice)
        return ()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        status, words = self._poster.post(url, body, headers)
        if 200 <= status < 300:
            return
        message = f"{url} answers with {status}: {words}"
        if status >= 500 or status in _TRY_AGAIN:
            raise Unavailable(message)
        raise InvalidInput(message)

    def _bearer(self) -> Mapping[str, str]:
        token = self._tools.secrets.text(self.name)
        headers = {"Content-Type": "application/json"}
        return {**headers, "Authorization": f"Bearer {token}"} if token else headers

    def _pause(self, message: str, now: float) -> None:
        pause = pause_after(self._failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._failures += 1
        self._pause_until = now + pause
        self._note(message)

    def _postpone(self, name: str, message: str, now: float) -> None:
        failures, _ = self._again.get(name, (0, 0.0))
        pause = pause_after(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        self._again[name] = (failures + 1, now + pause)
        self._note(message)

    def _note(self, message: str) -> None:
        if message != self.fault:
            self.fault = message
            self._tools.report(self.name, message)

    @property
    def _standing(self) -> Path:
        return self.outbox.folder / "standing"

    def _stand(self, notice: Notice) -> None:
        """Remember an open alarm for the Alertmanager, and forget one that ended."""
        if not isinstance(self.channel, AlertmanagerChannel):
            return
        path = self._standing / f"{safe_name(notice.finding)}.json"
        if notice.state == "open":
            write_whole(path, msgspec.json.encode(notice))
        else:
            path.unlink(missing_ok=True)

    def _repeat(self, now: float) -> None:
        is_due = self._repeated + REPEAT_SECONDS <= now
        if not isinstance(self.channel, AlertmanagerChannel) or not is_due:
            return
        self._repeated = now
        paths = sorted(self._standing.glob("*.json"))[-MOST_REPEATED:]
        if paths:
            try:
                body = alerts_body([read_record(p, Notice) for p in paths], self._tools.clock())
                self._post(self.channel.url + PATH, body, self._bearer())
            except (GoldenPathError, OSError) as error:
                self._note(f"open alarms could not be repeated: {error}")


class SenderThread:
    """Runs one sender in a thread of its own, so that a slow receiver delays no other."""

    def __init__(self, sender: ChannelSender, interval: float) -> None:
        self.sender = sender
        self._interval = interval
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name=sender.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was deposited. Raises `RuntimeError` if a bug ended the thread."""
        if not self._thread.is_alive():
            raise RuntimeError(f"the sender of {self.sender.name} ended")
        self._wake.set()

    def end(self, seconds: float) -> None:
        """Try what waits once more, for at most `seconds`. What is left waits on disk."""
        self._ends = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._ends:
            self._wake.wait(self._interval)
            self._wake.clear()
            self.sender.round()
        self.sender.round()

"""Alarms as e-mail over SMTP. The connection is encrypted before a name, password or text is sent.

A server that does not offer STARTTLS gets nothing, unless it is this machine or `plain = true`: an
attacker on the way can remove the offer.
"""

import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from goldenpath.audit.alarms.notice import Notice, notice_text
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.tls import client_context
from goldenpath.promote.platform.alarm_rules import MailChannel, is_local

TLS_PORT = 465
"""On this port TLS begins at once (RFC 8314)."""
SECONDS = 20.0


def mail_message(notice: Notice, channel: MailChannel) -> EmailMessage:
    """Return the message. Its id follows from the notice, so a repetition is known as one."""
    message = EmailMessage()
    message["From"] = channel.sender
    message["To"] = ", ".join(channel.recipients)
    message["Subject"] = f"goldenpath {notice.title}"
    message["Message-ID"] = f"<{notice.key}@{channel.sender.rpartition('@')[2]}>"
    moment = notice.opened_at if notice.state == "open" else notice.ended_at or notice.opened_at
    message["Date"] = format_datetime(datetime.fromisoformat(moment))
    # A filter of the receiver must not answer it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice_text(notice))
    return message


def send_mail(
    notice: Notice, channel: MailChannel, password: str, ca_file: Path | None
) -> tuple[str, ...]:
    """Hand the message over, and return the recipients whom the server refused.

    Raises `Unavailable` or `InvalidInput` if it is taken for nobody.
    """
    message = mail_message(notice, channel)
    try:
        with _connected(channel, ca_file) as server:
            if channel.user:
                server.login(channel.user, password)
            refused = server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise Unavailable(f"{channel.server} answers with {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise Unavailable(f"{channel.server} refuses {', '.join(error.recipients)}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(f"{channel.server} does not answer: {type(error).__name__}") from error
    return tuple(refused)


def _connected(channel: MailChannel, ca_file: Path | None) -> smtplib.SMTP:
    host, _, port = channel.server.rpartition(":")
    host = host.strip("[]")
    if int(port) == TLS_PORT:
        context = client_context(ca_file)
        return smtplib.SMTP_SSL(host, int(port), timeout=SECONDS, context=context)
    server = smtplib.SMTP(host, int(port), timeout=SECONDS)
    try:
        _secure(server, channel, ca_file)
    except BaseException:
        server.close()
        raise
    return server


def _secure(server: smtplib.SMTP, channel: MailChannel, ca_file: Path | None) -> None:
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=client_context(ca_file))
        server.ehlo()
    elif channel.user or not (channel.plain or is_local(channel.server)):
        raise InvalidInput(
            f"{channel.server} does not offer STARTTLS: nothing was sent to it",
            hint="let the server offer it, or accept plain text with plain = true",
        )

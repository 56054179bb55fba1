"""Sends a notice by e-mail, through the mail server of the settings (SMTP, RFC 5321).

In: an address and a notice. Out: nothing, or why it was not taken. Waits on the network: call it on a thread.
"""

import smtplib
import socket
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from refundlens.serving.settings import Settings
from refundlens.serving.webhooks.notices import Notice

TIMEOUT = 10.0
"""Seconds for each step; the delivery as a whole has its own."""
_PORTS = {"smtp": 587, "smtps": 465}


class Mailer:
    """url: `smtp://` (STARTTLS where the server has it, and always before a password) or `smtps://`."""

    def __init__(self, url: str, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender

    @property
    def ready(self) -> bool:
        return self._url.scheme in _PORTS and bool(self._url.hostname and self._sender)

    def send(self, to: str, notice: Notice, event_id: str) -> str | None:
        """Why it was not sent; none where the server took it."""
        if not self.ready:
            return "no mail server is set: REFUNDLENS_SMTP_URL and REFUNDLENS_MAIL_FROM"
        try:
            with self._connected() as server:
                server.send_message(self._message(to, notice, event_id))
        except smtplib.SMTPRecipientsRefused as error:
            return (
                f"the mail server does not take mail for it: {_said(next(iter(error.recipients.values())))}"
            )
        except smtplib.SMTPAuthenticationError as error:
            return f"the mail server refused the login: {_said((error.smtp_code, error.smtp_error))}"
        except smtplib.SMTPResponseException as error:
            return f"the mail server refused it: {_said((error.smtp_code, error.smtp_error))}"
        except ssl.SSLCertVerificationError:
            return "the mail server's certificate could not be verified"
        except TimeoutError:
            return "the mail server did not answer in time"
        except socket.gaierror:
            return "the mail server was not found"
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return f"the mail server could not be used ({type(error).__name__})"
        return None

    def _connected(self) -> smtplib.SMTP:
        """Raises SMTPException, OSError."""
        host, port = self._url.hostname or "", self._url.port or _PORTS[self._url.scheme]
        context = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT)
        try:
            server.ehlo()
            if self._url.scheme == "smtp" and (server.has_extn("starttls") or self._url.username):
                server.starttls(context=context)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, to: str, notice: Notice, event_id: str) -> EmailMessage:
        sender = Address(addr_spec=self._sender)
        message = EmailMessage()
        message["From"] = Address("RefundLens", sender.username, sender.domain)
        message["To"] = to
        message["Subject"] = notice.title
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{event_id}@{sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text)
        return message


def mailer_of(settings: Settings) -> Mailer:
    return Mailer(settings.smtp_url.get_secret_value(), settings.mail_from)


def is_address(text: str) -> bool:
    """Whether it is one address of the usual form."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError):
        return False
    return bool(address.username) and "." in address.domain and text.isascii() and text.isprintable()


def _said(answer: tuple[int, bytes | str]) -> str:
    code, words = answer
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"[:200]

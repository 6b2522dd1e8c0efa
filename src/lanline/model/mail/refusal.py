"""A server's reply, and what a refusal means to the person who wants the message to arrive.

Servers say the same thing in a hundred ways. The rules go by step, code, enhanced status (RFC 3463) and, where those
say too little, by the words that the big providers use. Where nothing fits, nothing is guessed.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from lanline.errors import MailDeferred, MailProblem, MailRefused
from lanline.model.mail.text import terminal_safe

_SHOWN_CHARS = 400
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_WAIT = re.compile(r"(?i)(?:again|retry|wait|come back|after|in)\D{0,20}?(\d{1,5})\s*(s|sec|seconds?|m|min|minutes?)\b")
_ANOTHER_WILL_DO = r"(this|per) (connection|session)"


class DialogueStep(Enum):
    """A step of the dialogue, named as the person sees it in `--verbose`."""

    GREETING = "the greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "the sign-in"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "DATA"
    CONTENT = "the message"
    QUIT = "QUIT"


class Reply(msgspec.Struct, frozen=True):
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {one_line(self.text)}".strip()

    @property
    def enhanced(self) -> str:
        match = _ENHANCED.search(self.text)
        return match.group() if match else ""


class Refusal(msgspec.Struct, frozen=True):
    step: DialogueStep
    reply: Reply
    recipient: str = ""

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.reply.code < 500

    def says(self, words: str) -> bool:
        return bool(re.search(words, self.reply.text, re.IGNORECASE))

    @property
    def is_about_message(self) -> bool:
        """A verdict on this message or recipient, and not on who sends it, from where, and how fast."""
        rule = _rule(self)
        return self.step in _MESSAGE and (rule is None or not (rule.is_about_access or rule.is_throttle))

    @property
    def is_throttle(self) -> bool:
        rule = _rule(self)
        return self.is_temporary and rule is not None and rule.is_throttle and not self.says(_ANOTHER_WILL_DO)

    @property
    def is_counted(self) -> bool:
        """The connection has had its share of messages, as some servers put it; on a new one it may go on."""
        is_said = self.says(_ANOTHER_WILL_DO + "|too many (messages|mails)")
        return self.is_temporary and self.step is DialogueStep.MAIL and is_said

    @property
    def is_crowded(self) -> bool:
        """RFC 5321, 4.5.3.1.10: too many recipients in one transaction; the rest may go in another."""
        is_said = self.reply.enhanced in {"4.5.3", "5.5.3"} or self.says("too many recip")
        return self.step is DialogueStep.RCPT and self.reply.code in {452, 451, 450, 552} and is_said

    @property
    def wait_s(self) -> float | None:
        """How long the server asks to be left alone, where it says so."""
        match = _WAIT.search(self.reply.text) if self.is_temporary else None
        return float(match[1]) * (60 if match[2].lower().startswith("m") else 1) if match else None

    def __str__(self) -> str:
        refused = f"the recipient {self.recipient}" if self.recipient else self.step.value
        return f"The server refused {refused} ({self.reply}). {explanation(self)}"


class _ByServer(MailProblem):
    """`refusals` has one for each recipient, or one for all of them."""

    def __init__(self, text: str, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(text)
        self.refusals = refusals


class RefusedByServer(_ByServer, MailRefused):
    """For good."""


class DeferredByServer(_ByServer, MailDeferred):
    pass


def refused(*refusals: Refusal) -> MailProblem:
    text = " ".join(str(refusal) for refusal in refusals)
    kind = DeferredByServer if any(refusal.is_temporary for refusal in refusals) else RefusedByServer
    return kind(f"{text} Nothing was sent." if len(refusals) > 1 else text, refusals)


def refusals_of(problem: BaseException) -> tuple[Refusal, ...]:
    return problem.refusals if isinstance(problem, _ByServer) else ()


def one_line(text: str) -> str:
    """A server's words, fit for a terminal: one line, short, nothing in it that moves a cursor."""
    line = terminal_safe(" ".join(text.split()))
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"


class _Rule(msgspec.Struct, frozen=True):
    """What it names has to fit; of status and words, which are two ways to say one thing, either is enough."""

    meaning: str
    steps: tuple[DialogueStep, ...] = ()
    codes: tuple[int, ...] = ()
    enhanced: tuple[str, ...] = ()
    words: str = ""
    is_about_access: bool = False
    is_throttle: bool = False

    def fits(self, refusal: Refusal) -> bool:
        is_here = not self.steps or refusal.step in self.steps
        is_said = refusal.reply.enhanced in self.enhanced or bool(self.words and refusal.says(self.words))
        has_code = not self.codes or refusal.reply.code in self.codes
        return is_here and has_code and (is_said or not (self.enhanced or self.words))


_AUTH = (DialogueStep.AUTH,)
_ENVELOPE = (DialogueStep.MAIL, DialogueStep.RCPT, DialogueStep.DATA)
_MESSAGE = (*_ENVELOPE, DialogueStep.CONTENT)
_ANY = (DialogueStep.GREETING, DialogueStep.EHLO, *_MESSAGE)

_SIGN_IN_FIRST = (
    "It wants a sign-in first: give --username, and a password by SMTP_PASS, --password-command or the prompt."
)
# fmt: off
_RULES = (
    # The first that fits speaks, so the particular stands before the general.
    _Rule("It wants an app password: make one in the account's security settings, with two-step sign-in on, and use it"
          " in place of the ordinary password.",
          _AUTH, words=r"application-specific|app(lication)? password|InvalidSecondFactor"),
    _Rule("Signing in with a password is switched off there: use an app password if the provider has them, or an access"
          " token with --auth xoauth2.",
          _AUTH, (), ("5.7.139", "5.7.57"), r"basic authentication is disabled|ClientAuthentication is disabled"),
    _Rule("The server cannot check passwords now; try again later.", _AUTH, (421, 432, 450, 451, 454)),
    _Rule("It does not know this way of signing in; choose another with --auth.", _AUTH, (500, 501, 502, 504)),
    _Rule("The user name or the password is wrong. Many providers want the whole address as user name, and an app"
          " password in place of the ordinary one.", _AUTH),
    _Rule("The server wants TLS first: leave out --no-tls.",
          (), (530, 523), words="starttls|tls|encryption", is_about_access=True),
    _Rule(_SIGN_IN_FIRST, _MESSAGE, (530,), is_about_access=True),
    _Rule(_SIGN_IN_FIRST, _MESSAGE, (503, 550, 553, 554), is_about_access=True,
          words=r"authentication (is )?required|must authenticate|not authenticated"
          r"|(auth(enticate)?|log ?in|sign ?in) first"),
    _Rule("The server lets in only who shows a certificate that it trusts: give yours with --tls-cert.",
          (DialogueStep.EHLO, *_MESSAGE), words="client certificate", is_about_access=True),
    _Rule("The server believes that the message carries a virus or other malware.",
          _MESSAGE, words=r"virus|malware|infected|trojan|\bclamav"),
    _Rule("The address that this machine sends from is on a blocklist or has a bad name; send by your provider's"
          " server, or ask its owner to take it off.", _ANY, is_about_access=True,
          words=r"spamhaus|spamcop|barracuda|dnsbl|\brbl\b|\b(block|black|deny)[ -]?list|poor reputation"
          r"|\b(ip|client|host)\W.*\b(reputation|blocked|listed|banned)"),
    _Rule("The server takes the message for spam.", _MESSAGE,
          words=r"\bspam\b|\bspammy|unsolicited|junk|content (was )?(rejected|blocked|filter)|message content"),
    _Rule("The sender's domain does not allow this server to send for it (SPF, DKIM, DMARC): send by the domain's own"
          " server.", _MESSAGE, (), ("5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.26", "5.7.27"),
          r"\b(spf|dkim|dmarc)\b"),
    _Rule("This user may not send as the address of --from-addr; use the account's own address.",
          _MESSAGE, (501, 550, 551, 553, 554), ("5.7.60",),
          r"not owned by|SendAsDenied|not (allowed|permitted|authorized) to (send|use)|sender address rejected: not"
          r"|(sender|from).*(mis|not )match|from address.*not.*(allowed|verified)"),
    _Rule("The server does not pass mail on to that domain for you: sign in with --username, or use your provider's"
          " server.", _ENVELOPE, words=r"\brelay", is_about_access=True),
    _Rule("The message is larger than the server or the mailbox takes; send a link, or fewer attachments.",
          _MESSAGE, (), ("5.3.4", "5.2.3", "4.3.4"), r"too (big|large)|size (limit|exceeds)|exceeds.*size"),
    _Rule("The mailbox is full.", _MESSAGE, (), ("5.2.2", "4.2.2"), r"mailbox.*full|over ?quota|quota exceed"),
    _Rule("The server puts off mail from senders it does not know yet (greylisting); some minutes later the same"
          " message usually passes.", _MESSAGE, (421, 450, 451), words=r"gr[ae]y-?list"),
    _Rule("Those are too many recipients for one message; send it to fewer at once.",
          (DialogueStep.RCPT,), (), ("4.5.3", "5.5.3"), "too many recip"),
    _Rule("Too much was sent in a short time; wait, then go on.", _ANY, (), ("4.7.28", "5.4.5"),
          r"\brate\b|throttl|too (many|much|fast)|slow down|limit (exceeded|reach)"
          r"|(message|mail|connection|sending).{0,20}limit", is_throttle=True),
    _Rule("There is no such mailbox; check the address for a slip.",
          (DialogueStep.RCPT,), (524, 550, 551, 553), ("5.1.1", "5.1.10", "5.1.6", "5.2.4"),
          r"user unknown|invalid recipient|unknown user|no such|does(n't| not) exist|not found|unknown recipient"),
    _Rule("The server does not know the domain of that address.",
          _ENVELOPE, (), ("5.1.2", "5.1.8", "4.1.8", "4.1.2"), r"domain not found|domain does not exist"),
    _Rule("The server's rules forbid it; its own words say more.",
          (), (), ("5.7.0", "5.7.1", "4.7.0", "4.7.1"), "policy"),
    _Rule("There is no room for it: the message is too large, or the mailbox full.", _MESSAGE, (552,)),
    _Rule("The server's disk is full.", (), (452,), ("4.3.1",), "space|storage|disk"),
)
# fmt: on


def _rule(refusal: Refusal) -> _Rule | None:
    return next((rule for rule in _RULES if rule.fits(refusal)), None)


def explanation(refusal: Refusal) -> str:
    """What to do about it, in a sentence."""
    rule = _rule(refusal)
    if rule is not None:
        return rule.meaning
    if refusal.is_temporary:
        return "The refusal is for now only: try again later, or use --queue and `lanline smtp flush`."
    return "The refusal is final: the same message would be refused again."

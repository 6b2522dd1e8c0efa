"""A server's reply, and what a refusal means to the person who wants the message to arrive.

Servers say the same thing in a hundred ways. The rules go by stage, code, enhanced status (RFC 3463) and, where those
say too little, by the words that the big providers use.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from lanline.model.mail.text import terminal_safe

_SHOWN_CHARS = 400
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")


class Stage(Enum):
    """A step of the dialogue, named as the person sees it in `--verbose`."""

    GREETING = "the greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "the sign-in"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "DATA"
    CONTENT = "the message"


class Reply(msgspec.Struct, frozen=True):
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {one_line(self.text)}".strip()

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500


class Refusal(msgspec.Struct, frozen=True):
    stage: Stage
    reply: Reply
    recipient: str = ""

    @property
    def is_temporary(self) -> bool:
        return self.reply.is_temporary

    def __str__(self) -> str:
        refused = f"the recipient {self.recipient}" if self.recipient else self.stage.value
        return f"The server refused {refused} ({self.reply}). {explanation(self)}"


def one_line(text: str) -> str:
    """A server's words, fit for a terminal: one line, short, nothing in it that moves a cursor."""
    line = terminal_safe(" ".join(text.split()))
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"


class _Rule(msgspec.Struct, frozen=True):
    """What it names has to fit; of status and words, which are two ways to say one thing, either is enough."""

    meaning: str
    stages: tuple[Stage, ...] = ()
    codes: tuple[int, ...] = ()
    enhanced: tuple[str, ...] = ()
    words: str = ""

    def fits(self, refusal: Refusal, enhanced: str) -> bool:
        reply = refusal.reply
        return (
            (not self.stages or refusal.stage in self.stages)
            and (not self.codes or reply.code in self.codes)
            and (
                not (self.enhanced or self.words)
                or enhanced in self.enhanced
                or bool(self.words and re.search(self.words, reply.text, re.IGNORECASE))
            )
        )


_AUTH = (Stage.AUTH,)
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_MESSAGE = (*_ENVELOPE, Stage.CONTENT)

_RULES = (
    # The first that fits speaks, so the particular stands before the general.
    _Rule(
        "It wants an app password: make one in the account's security settings, with two-step sign-in on, and use it in"
        " place of the ordinary password.",
        _AUTH,
        words=r"application-specific|app(lication)? password|InvalidSecondFactor",
    ),
    _Rule(
        "Signing in with a password is switched off there: use an app password if the provider has them, or an access"
        " token with --auth xoauth2.",
        _AUTH,
        enhanced=("5.7.139", "5.7.57"),
        words=r"basic authentication is disabled|ClientAuthentication is disabled",
    ),
    _Rule("The server cannot check passwords now; try again later.", _AUTH, (421, 432, 450, 451, 454)),
    _Rule("It does not know this way of signing in; choose another with --auth.", _AUTH, (500, 501, 502, 504)),
    _Rule(
        "The user name or the password is wrong. Many providers want the whole address as user name, and an app"
        " password in place of the ordinary one.",
        _AUTH,
    ),
    _Rule("The server wants TLS first: leave out --no-tls.", codes=(530, 523), words="starttls|tls|encryption"),
    _Rule(
        "It wants a sign-in first: give --username, and the password by SMTP_PASS, --password-command or the prompt.",
        _MESSAGE,
        (503, 530, 550, 553, 554),
        ("5.7.0",),
        r"authentication (is )?required|must authenticate|not authenticated|auth(enticate)? first|log ?in first",
    ),
    _Rule(
        "This user may not send as the address of --from-addr; use the account's own address.",
        _MESSAGE,
        (501, 550, 551, 553, 554),
        ("5.7.60",),
        r"not owned by|SendAsDenied|not (allowed|permitted|authorized) to (send|use)|sender address rejected: not"
        r"|(sender|from).*(mis|not )match|from address.*not.*(allowed|verified)",
    ),
    _Rule(
        "The server does not pass mail on to that domain for you: sign in with --username, or use your provider's"
        " server.",
        _ENVELOPE,
        words=r"\brelay",
    ),
    _Rule(
        "The message is larger than the server or the mailbox takes; send a link, or fewer attachments.",
        _MESSAGE,
        enhanced=("5.3.4", "5.2.3", "4.3.4"),
        words=r"too (big|large)|size (limit|exceeds)|exceeds.*size",
    ),
    _Rule(
        "The mailbox is full.", _MESSAGE, enhanced=("5.2.2", "4.2.2"), words=r"mailbox.*full|over ?quota|quota exceed"
    ),
    _Rule("There is no room for it: the message is too large, or the mailbox full.", _MESSAGE, (552,)),
    _Rule(
        "The server puts off mail from senders it does not know yet (greylisting); some minutes later the same message"
        " usually passes.",
        _MESSAGE,
        (421, 450, 451),
        words=r"gr[ae]y-?list",
    ),
    _Rule(
        "Too much was sent in a short time, or to too many at once; wait, then go on.",
        enhanced=("4.7.28", "5.4.5", "4.5.3", "5.5.3"),
        words=r"rate.?limit|too (many|much)|limit exceeded",
    ),
    _Rule(
        "There is no such mailbox; check the address for a slip.",
        (Stage.RCPT,),
        (550, 551, 553),
        ("5.1.1", "5.1.10", "5.1.6"),
        r"user unknown|unknown user|no such|does(n't| not) exist|not found|unknown recipient",
    ),
    _Rule(
        "The server does not know the domain of that address.",
        _ENVELOPE,
        enhanced=("5.1.2", "5.1.8", "4.1.8", "4.1.2"),
        words=r"domain not found|domain does not exist",
    ),
    _Rule("The message looks like spam or malware to the server.", _MESSAGE, words=r"\bspam|virus|malware"),
    _Rule("The server's rules forbid it; its own words say more.", enhanced=("5.7.1", "4.7.1")),
    _Rule("The server's disk is full.", codes=(452,)),
)


def explanation(refusal: Refusal) -> str:
    """What to do about it, in a sentence."""
    match = _ENHANCED.search(refusal.reply.text)
    enhanced = match.group() if match else ""
    for rule in _RULES:
        if rule.fits(refusal, enhanced):
            return rule.meaning
    if refusal.is_temporary:
        return "The refusal is for now only: try again later, or use --queue and `lanline smtp flush`."
    return "The refusal is final: the same message would be refused again."

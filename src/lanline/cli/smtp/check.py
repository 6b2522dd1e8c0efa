"""`lanline smtp check`: what a server offers, in plain words."""

from __future__ import annotations

import datetime as dt
import sys

import typer

from lanline.cli.smtp import options
from lanline.cli.smtp.screen import dialogue_sink, preparing, run, say
from lanline.errors import MailRefused
from lanline.model.mail.server import SignIn


def check(
    smtp_host: options.Host = None,
    smtp_port: options.Port = None,
    smtps: options.Smtps = False,
    no_tls: options.NoTls = False,
    ca_file: options.CaFile = None,
    username: options.Username = None,
    password: options.Password = None,
    password_command: options.PasswordCommand = None,
    auth: options.Auth = SignIn.AUTO,
    config: options.Config = None,
    account: options.AccountName = None,
    timeout: options.Timeout = None,
    verbose: options.Verbose = False,
) -> None:
    """Tell what a server offers, and send nothing.

    TLS versions, each certificate and its expiry, ways to sign in, limits, and whether mail would be sent there.
    """
    from lanline.client.smtp.survey import in_words, survey
    from lanline.transport.smtp.transcript import Transcript

    chosen = options.way(
        options.ServerOptions(
            host=smtp_host,
            port=smtp_port,
            smtps=smtps,
            no_tls=no_tls,
            ca_file=ca_file,
            username=username,
            password=password,
            password_command=password_command,
            auth=auth,
            config=config,
            account=account,
        )
    )
    sink = dialogue_sink(verbose)
    transcript = Transcript(sink) if sink else Transcript()
    with preparing():
        passage = options.passage(chosen, timeout)
    found = run(survey(passage, transcript))
    for line in in_words(found, dt.datetime.now(dt.UTC)):
        say(line, sys.stdout)
    if found.objection:
        raise typer.Exit(MailRefused.exit_status)

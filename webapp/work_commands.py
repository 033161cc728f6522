"""Commands for mail: the worker that sends it, and what somebody who reads the bounces has to say."""

import sys
import time
from typing import TYPE_CHECKING

import click

from webapp.command_session import DATA_FOLDER, open_session, read_clock
from webapp.config import DEFAULT_BASE_URL, ConfigError, Settings

if TYPE_CHECKING:
    from surveys.invitations import MakeToken


def link_maker(settings: Settings) -> "MakeToken":
    """What makes personal links: such that reminders can bring them again, where there is a mail server to send any."""
    from surveys.invitations import random_token
    from webapp.keys import complete_settings
    from webapp.personal_links import token_maker

    secret = complete_settings(settings, DATA_FOLDER).secret_key if settings.smtp is not None else None
    return token_maker(secret) if secret else random_token


def check_mail_settings(settings: Settings) -> None:
    """Raise ConfigError unless mails can be sent and the links in them lead somewhere."""
    if settings.smtp is None:
        raise ConfigError(
            "VICEVERSA_SMTP_URL",
            "no mail server is named.",
            "Set it, for example smtp://mail.example.org:587",
        )
    if settings.base_url == DEFAULT_BASE_URL:
        raise ConfigError(
            "VICEVERSA_BASE_URL",
            "it is not set, and the links in the mails would lead nowhere but to this machine.",
            "Set it to the address under which people reach the service, for example https://survey.example.org",
        )


@click.command()
@click.option("--once", is_flag=True, help="Send what is due now and stop, as for cron.")
@click.pass_obj
def work(settings: Settings, once: bool) -> None:
    """Send invitations and reminders; any number of these may run at once, and each may be killed at any moment.

    Nothing is sent between 20:00 and 08:00 or on a weekend, in the reader's time zone. The server is named by VICEVERSA_SMTP_URL and
    VICEVERSA_MAIL_FROM, and the links begin with VICEVERSA_BASE_URL.

    \b
    Example:
      viceversa work
      viceversa work --once
    """
    from surveys.database import require_current_schema
    from surveys.roles import require_roles
    from webapp import create_app
    from webapp.database import EXTENSION, Database, dispose_engine
    from webapp.keys import complete_settings
    from webapp.last_step import notes_folder
    from webapp.postman import Postman

    check_mail_settings(settings)
    app = create_app(complete_settings(settings, DATA_FOLDER).app_config())
    database: Database = app.extensions[EXTENSION]
    try:
        require_current_schema(database.engine)
        if database.under_roles:
            require_roles(database.engine)
        postman = Postman(app, notes_folder())
        try:
            reached = postman.work(once=once, sleep=time.sleep)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
        else:
            if not reached:
                raise click.ClickException(
                    "The mail server cannot be reached. Nothing is lost; try again later."
                )
            click.echo(
                "What was due is dealt with. Mails wait where it is night or weekend for their reader.",
                err=True,
            )
        finally:
            postman.close()
    finally:
        dispose_engine(app)


@click.group()
def mail() -> None:
    """Note addresses that do not work, and put them right."""


@mail.command("bounced")
@click.argument("addresses", nargs=-1, required=True)
@click.pass_obj
def note_bounced(settings: Settings, addresses: tuple[str, ...]) -> None:
    """Note that mails to ADDRESSES came back; they get no more until the address is put right.

    Once reminders may have gone out, a mail that came back may be one, and would tell who had not answered: then nothing is noted, and
    the next invitation shows it.

    \b
    Example:
      viceversa mail bounced ada@example.org
    """
    from surveys.bounces import note_bounce

    unknown = 0
    with open_session(settings) as session:
        for address in addresses:
            noted = note_bounce(session, address, now=read_clock())
            unknown += noted is None
            words = {
                None: "unknown here",
                True: "noted",
                False: "not noted: reminders may have gone out since",
            }
            click.echo(f"{address}: {words[noted]}.")
    if unknown == len(addresses):
        sys.exit(1)


@mail.command("address")
@click.argument("slug")
@click.argument("old")
@click.argument("new")
@click.pass_obj
def change_address(settings: Settings, slug: str, old: str, new: str) -> None:
    """Put right the address of somebody in programme SLUG; reminders of open waves then no longer reach them.

    \b
    Example:
      viceversa mail address spring ada@exmaple.org ada@example.org
    """
    from surveys import programs
    from surveys.bounces import correct_address

    with open_session(settings) as session:
        correct_address(session, programs.find_program(session, slug), old, new, now=read_clock())
    click.echo(f"{new} takes the place of {old}.")

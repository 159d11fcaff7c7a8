"""`ivr user` and `ivr token`: people, machines and one-time login links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from ivr import bootstrap
from ivr.cli_terminal import err, out, plain_errors
from ivr.domain.errors import NotFound
from ivr.domain.roles import ROLES
from ivr.domain.worktime import SHANGHAI
from ivr.settings import load_settings
from ivr.storage.accounts import CLI_ACTOR, PostgresAccounts, folded
from ivr.storage.user_accounts import PostgresUsers

if TYPE_CHECKING:
    from ivr.storage.database import Pool

user_app = typer.Typer(help="People who may log in.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens for machines.", no_args_is_help=True)

Roles = Annotated[list[str], typer.Option("--role", help=", ".join(ROLES))]
T = TypeVar("T")
D = TypeVar("D")


def with_desk(make: Callable[[Pool], D], work: Callable[[D], Awaitable[T]]) -> T:
    """Run one piece of work on what ``make`` makes of the configured database."""

    async def go() -> T:
        async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
            return await work(make(pool))

    with plain_errors():
        return asyncio.run(go())


def with_accounts(work: Callable[[PostgresAccounts], Awaitable[T]]) -> T:
    """Run one piece of work on the accounts of the configured database."""
    return with_desk(PostgresAccounts, work)


@user_app.command("add")
def add(name: str, role: Roles, display_name: str = "") -> None:
    """Add a person; give them a login link, with which they need no password."""
    with_accounts(lambda a: a.add_user(name, roles=role, display_name=display_name))
    out.print(f"[green]✓[/green] 已添加 {name}；首次登录：`ivr user login-link {name}`")


@user_app.command("password")
def password(name: str) -> None:
    """Set a password, typed twice; it is never an argument, where every process on the machine could read it."""
    secret = typer.prompt("新密码", hide_input=True, confirmation_prompt=True)
    with_accounts(lambda a: a.set_password(name, secret))
    out.print(f"[green]✓[/green] {name} 的密码已设置，原有登录已全部退出")


@user_app.command("disable")
def disable(name: str, enable: Annotated[bool, typer.Option(help="Let them in again.")] = False) -> None:
    """End a person's access at once; their records stay."""
    with_accounts(lambda a: a.set_disabled(name, not enable))
    out.print(f"[green]✓[/green] {name} 已{'启用' if enable else '停用'}")


@user_app.command("roles")
def roles(name: str, role: Roles) -> None:
    """Replace a person's roles."""
    with_accounts(lambda a: a.set_roles(name, role))
    out.print(f"[green]✓[/green] {name}：{'、'.join(role)}")


@user_app.command("list")
def users() -> None:
    """Show everybody."""
    table = Table("name", "shown as", "roles", "password", "disabled")
    for user in with_accounts(lambda a: a.users()):
        table.add_row(user.name, user.display_name, " ".join(user.roles), "yes" if user.has_password else "no",
                      "yes" if user.disabled else "")
    out.print(table)


@user_app.command("second-factor")
def second_factor(
    name: str,
    reset: Annotated[bool, typer.Option("--reset", help="Take it away, for who lost the telephone and the codes.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for those who read the record later.")] = "手机和恢复码丢失",
) -> None:
    """Show whether a person logs in with a code too; `--reset` takes that away, ends every session and is audited."""
    if reset:
        with_desk(PostgresUsers, lambda u: u.reset_factor(folded(name), CLI_ACTOR, reason))
        out.print(f"[green]✓[/green] {name} 的两步登录已取消，原有登录已全部退出")
        return
    status = with_accounts(lambda a: a.second_factors.status(folded(name)))
    if status.confirmed_at is None:
        out.print(f"{name}：没有启用")
    else:
        since = f"{status.confirmed_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        out.print(f"{name}：{since} 起启用，剩 {status.recovery_codes_left} 个恢复码")


@user_app.command("login-link")
def login_link(
    name: str, minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the link stays good.")] = 15
) -> None:
    """Print a link that logs in once. `admin` is made, as administrator, when nobody of that name exists."""
    print(f"{web_address()}/login?ticket={with_accounts(lambda a: one_time_ticket(a, name, minutes))}")


async def one_time_ticket(accounts: PostgresAccounts, name: str, minutes: int) -> str:
    """A login ticket; the account `admin` is made on the way when it is missing."""
    try:
        return await accounts.issue_ticket(name, timedelta(minutes=minutes))
    except NotFound:
        if name != "admin" or any(u.name == "admin" for u in await accounts.users()):
            raise
        await accounts.add_user("admin", roles=["administrator", "supervisor"], display_name="管理员")
        return await accounts.issue_ticket(name, timedelta(minutes=minutes))


def web_address() -> str:
    """Where the pages are, by the settings."""
    web = load_settings().web
    return f"http{'' if web.tls == 'off' else 's'}://{web.host}:{web.port}"


@token_app.command("create")
def create(name: str, role: Roles, days: Annotated[int, typer.Option(min=1, max=3650)] = 365) -> None:
    """Make a token and print it once; only its digest is kept."""
    secret = with_accounts(lambda a: a.create_token(name, role, timedelta(days=days)))
    err.print(f"[green]✓[/green] {name} 的令牌（只显示这一次，{days} 天后失效）：")
    print(secret)


@token_app.command("revoke")
def revoke(name: str) -> None:
    """End a token."""
    with_accounts(lambda a: a.revoke_token(name))
    out.print(f"[green]✓[/green] {name} 已作废")


@token_app.command("list")
def tokens() -> None:
    """Show every token, never its secret."""
    table = Table("name", "roles", "expires", "revoked", "last used")
    for token in with_accounts(lambda a: a.tokens()):
        table.add_row(token.name, " ".join(token.roles), *(
            f"{t:%Y-%m-%d %H:%M}" if t else "" for t in (token.expires_at, token.revoked_at, token.last_used_at)
        ))
    out.print(table)

"""A browser whose administrator must set up a second factor: enrolment, a login with a code, a session ended with a reason."""

from __future__ import annotations

import base64
import time

import pytest
from playwright.async_api import Page, expect

from ivr.domain.one_time_code import code_of, step_at
from tests.e2e.hotline import running_hotline
from tests.e2e.test_pages import browser_page

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

PASSWORD = "correct horse battery"
PATIENCE_MS = 30_000


class Authenticator:
    """The app on a telephone: knows the secret as typed by hand, and never shows a step twice."""

    def __init__(self, secret: str) -> None:
        bare = secret.replace(" ", "")
        self._secret = base64.b32decode(bare + "=" * (-len(bare) % 8))
        self._shown = 0

    def code(self) -> str:
        """This step's code, or the next one's when this step's was used: the server takes one step of skew."""
        self._shown = max(self._shown + 1, step_at(time.time()))
        return code_of(self._secret, self._shown)


async def give_password(page: Page) -> None:
    await page.get_by_test_id("login-name").fill("root")
    await page.get_by_test_id("login-password").fill(PASSWORD)
    await page.get_by_test_id("login-submit").click()


async def give_code(page: Page, code: str) -> None:
    await page.get_by_test_id("login-code").fill(code)
    await page.get_by_test_id("login-submit").click()


async def test_an_administrator_enrols_logs_in_with_a_code_and_ends_a_session() -> None:
    required = {"IVR_WEB__SECOND_FACTOR_ROLES": '["administrator"]'}
    async with running_hotline(environment=required) as hotline:
        await hotline.cli("user", "add", "root", "--role", "administrator", "--display-name", "管理员甲")
        await hotline.cli("user", "password", "root", stdin=f"{PASSWORD}\n{PASSWORD}\n".encode())
        await hotline.cli("user", "add", "wang", "--role", "operator", "--display-name", "王律师")
        async with browser_page() as page, browser_page() as other:
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"{hotline.url}/account")
            await give_password(page)
            await expect(page.get_by_test_id("factor-setup").get_by_role("img")).to_be_visible(timeout=PATIENCE_MS)
            await page.goto(f"{hotline.url}/orders")
            app = Authenticator(await page.get_by_test_id("factor-secret").inner_text())
            await page.get_by_test_id("factor-code").fill("abc")
            await page.get_by_test_id("factor-confirm").click()
            await expect(page.get_by_role("alert")).to_contain_text("验证码不对", timeout=PATIENCE_MS)
            await page.get_by_test_id("factor-code").fill(app.code())
            await page.get_by_test_id("factor-confirm").click()
            codes = page.get_by_test_id("recovery-codes").get_by_role("listitem")
            await expect(codes).to_have_count(10, timeout=PATIENCE_MS)
            recovery = await codes.first.inner_text()
            await page.get_by_test_id("codes-kept").click()
            await expect(page).to_have_url(f"{hotline.url}/orders", timeout=PATIENCE_MS)
            await page.get_by_test_id("sign-out").click()

            await give_password(page)
            await give_code(page, "000 000 0")
            await expect(page.get_by_test_id("login-message")).to_contain_text("验证码不对", timeout=PATIENCE_MS)
            await give_code(page, app.code())
            await expect(page.get_by_text("管理员甲")).to_be_visible(timeout=PATIENCE_MS)

            link = (await hotline.cli("user", "login-link", "root")).strip()
            await other.goto(link)
            await give_code(other, recovery)
            await expect(other.get_by_text("管理员甲")).to_be_visible(timeout=PATIENCE_MS)
            await other.get_by_test_id("sign-out").click()
            await other.goto((await hotline.cli("user", "login-link", "wang")).strip())
            await expect(other.get_by_test_id("nav-account")).to_contain_text("王律师", timeout=PATIENCE_MS)

            await page.get_by_test_id("nav-account").click()
            await expect(page.get_by_test_id("factor-on")).to_contain_text("9 个恢复码", timeout=PATIENCE_MS)
            row = page.get_by_test_id("all-sessions").get_by_test_id("session-row").filter(has_text="王律师")
            await row.get_by_test_id("end-session").click()
            await row.get_by_test_id("end-reason").fill("电脑遗失")
            await row.get_by_test_id("end-do").click()
            await expect(row).to_have_count(0, timeout=PATIENCE_MS)
            await expect(other.get_by_test_id("login-submit")).to_be_visible(timeout=PATIENCE_MS)  # found out by its stream

            person = page.locator('[data-user="wang"]')
            await person.get_by_test_id("user-disable").click()
            await person.get_by_test_id("user-reason").fill("离职")
            await person.get_by_test_id("user-do").click()
            await expect(person).to_contain_text("已停用", timeout=PATIENCE_MS)
            await expect(page.locator('[data-user="root"]').get_by_role("button")).to_have_count(0)  # not to oneself

        told = await hotline.cli("user", "second-factor", "root")
        assert "剩 9 个恢复码" in told
        await hotline.cli("user", "second-factor", "root", "--reset")
        assert "没有启用" in await hotline.cli("user", "second-factor", "root")
        await hotline.cli("audit", "verify")

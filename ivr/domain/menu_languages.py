"""Languages in menu plans: the first menu gains the keys the settings give them, and says so after its own words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ivr.domain.caller_language import Language
from ivr.domain.menu import CHOICE_KEYS, Complaint, MenuPlan, Target


def with_language_keys(plan: MenuPlan, languages: Iterable[Language]) -> tuple[MenuPlan, list[Complaint]]:
    """The plan with these keys, and a complaint for each that means something else already."""
    first = plan.menus.get(plan.start)
    keyed = [language for language in languages if language.key]
    if first is None or not keyed:
        return plan, []
    complaints, keys, offers = [], dict(first.keys), list(first.offers)
    for language in keyed:
        if language.key in keys:
            free = " ".join(key for key in CHOICE_KEYS if key not in keys) or "none"
            complaints.append(Complaint(f"menu {first.name}, key {language.key}", (
                f"means {keys[language.key]} already; give the language {language.name} another key in the settings"
                f" (free: {free}), or none, and write language: {language.name} in a plan of your own"
            )))
            continue
        keys[language.key] = Target("language", language.name, language.title)
        offers.append(language.prompt)
    return replace(plan, menus={**plan.menus, first.name: replace(first, keys=keys, offers=tuple(offers))}), complaints

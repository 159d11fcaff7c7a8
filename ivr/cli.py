"""The command line: run the product, look after it, ask what is wrong."""

from __future__ import annotations

import typer

from ivr.cli_on_demand import CommandsOnDemand


class _Commands(CommandsOnDemand):
    on_demand = {
        "demo": "ivr.demo.command:demo",
        "search": "ivr.cli_search:search",
        "statistics": "ivr.cli_statistics:statistics",
        "forecast": "ivr.cli_analysis:show_forecast",
        "run": "ivr.cli_parts:run",
        "controller": "ivr.cli_parts:controller",
        "worker": "ivr.cli_parts:worker",
        "web": "ivr.cli_parts:web",
        "asterisk": "ivr.cli_parts:asterisk",
        "reload": "ivr.cli_upkeep:reload",
        "migrate": "ivr.cli_upkeep:migrate",
        "doctor": "ivr.cli_upkeep:doctor",
        "reconcile": "ivr.cli_upkeep:reconcile",
        "settings": "ivr.cli_upkeep:settings",
        "version": "ivr.cli_upkeep:version",
        "models": "ivr.speech.models_cli:models_app",
        "user": "ivr.cli_accounts:user_app",
        "token": "ivr.cli_accounts:token_app",
        "places": "ivr.cli_places:places_app",
        "advisers": "ivr.cli_advisers:advisers_app",
        "people": "ivr.cli_people:people_app",
        "orders": "ivr.cli_orders:orders_app",
        "audit": "ivr.cli_orders:audit_app",
        "seat": "ivr.cli_seats:seat_app",
        "devices": "ivr.cli_devices:devices_app",
        "roster": "ivr.cli_roster:roster_app",
        "slots": "ivr.cli_slots:slots_app",
        "callbacks": "ivr.cli_callbacks:callbacks_app",
        "nuisance": "ivr.cli_nuisance:nuisance_app",
        "risk": "ivr.cli_risk:risk_app",
        "case": "ivr.cli_case:case_app",
        "retention": "ivr.cli_retention:retention_app",
        "quality": "ivr.cli_quality:quality_app",
        "knowledge": "ivr.cli_knowledge:knowledge_app",
        "outbox": "ivr.cli_outbox:outbox_app",
        "warnings": "ivr.cli_analysis:warnings_app",
        "report": "ivr.cli_analysis:report_app",
        "language": "ivr.cli_languages:language_app",
        "menu": "ivr.cli_menu:menu_app",
        "prompts": "ivr.cli_prompts:prompts_app",
        "dialplan": "ivr.cli_menu:dialplan_app",
    }


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def ivr() -> None:
    """The server behind the 12348 legal-service hotline."""


if __name__ == "__main__":
    app()

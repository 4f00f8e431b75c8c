# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Alertmanager's configuration: who is told of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from ..data.yaml_writer import to_yaml
from ..schema.alerts import Receiver, Receivers, Severity, wants
from ..schema.cache import Cache

CREDENTIALS = "/run/credentials/ai-backend-alertmanager.service"
NOBODY = "nobody"
# {alert: those that only follow from it on the same host}. What is known in another way is none: an engine that a probe
# finds down is down, whatever the gateway does.
CAUSES: Mapping[str, tuple[str, ...]] = {
    "GatewayDown": (
        *("AnswersOftenSlow", "AnswersSlow", "FirstTokenSlow", "GatewaySlow", "ModelSilent", "PageDown"),
        *("ProviderCooling", "ProviderFails", "RecordSilent", "RequestsFail", "RequestsFailOften"),
    ),
    "HostDown": (".+",),
}
# Changes that restart an instance tell so themselves: (units, alerts that only tell that they are away, what is equal).
CHANGE = "ChangeRuns"
CHANGES: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = (
    (".+", ("UnitDown", "UnitRestarts"), ("host", "unit")),
    (".+@.+", ("EngineDown", "EngineUnread"), ("host", "provider")),
    # The gateway, which may be another host, finds the same.
    (".+@.+", ("ProviderCooling", "ProviderFails"), ("provider",)),
    (Cache.GROUP, ("CacheDown",), ("host",)),
    ("edge|litellm@.+", ("GatewayDown",), ("host",)),
    ("edge|open-webui|grafana", ("PageDown",), ("host",)),
)
# Who asks sees them; nobody is told.
SILENT = ("Watchdog", CHANGE)
_TITLE = "[{{ .Status }}] {{ .CommonLabels.alertname }}{{ with .CommonLabels.host }} on {{ . }}{{ end }}"
_TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "Look: {{ .Annotations.command }}\nFix: {{ .Annotations.runbook }}\n{{ end }}"
)


def alertmanager_config(receivers: Receivers) -> str:
    """The text of alertmanager.yml."""
    routes = [
        _route(name, receivers[name].repeat, severity)
        for severity in _severities()
        for name in wants(receivers, severity)
    ]
    config: dict[str, Any] = {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "host"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": [{"receiver": NOBODY, "matchers": [f'alertname=~"{"|".join(SILENT)}"']}, *routes],
        },
        **_inhibits(),
        "receivers": [
            {"name": NOBODY},
            *({"name": name, **_KINDS[one.type](name, one)} for name, one in sorted(receivers.items())),
        ],
    }
    return to_yaml(config)


def inhibits() -> str:
    """The rules alone that silence consequences, for an Alertmanager that the collection does not run."""
    return to_yaml(_inhibits())


def _inhibits() -> dict[str, Any]:
    return {"inhibit_rules": [*_causes(), *_changes(), _severe_first()]}


def _severities() -> tuple[str, ...]:
    found: tuple[str, ...] = get_args(Severity)
    return found


def _route(name: str, repeat: int, severity: str) -> dict[str, Any]:
    matchers = [f'severity="{severity}"']
    return {"receiver": name, "matchers": matchers, "repeat_interval": f"{repeat}s", "continue": True}


def _causes() -> list[dict[str, Any]]:
    """What a cause explains is not sent, on its own host."""
    return [
        {
            "source_matchers": [f'alertname="{cause}"'],
            "target_matchers": [f'alertname=~"{"|".join(names)}"', f'alertname!="{cause}"'],
            "equal": ["host"],
        }
        for cause, names in CAUSES.items()
    ]


def _changes() -> list[dict[str, Any]]:
    """What a change explains is not sent, of what it touches."""
    return [
        {
            "source_matchers": [f'alertname="{CHANGE}"', f'unit=~"{units}"'],
            "target_matchers": [f'alertname=~"{"|".join(names)}"'],
            "equal": list(equal),
        }
        for units, names, equal in CHANGES
    ]


def _severe_first() -> dict[str, Any]:
    """Of one alert with two severities, the critical one is sent."""
    return {
        "source_matchers": ['severity="critical"'],
        "target_matchers": ['severity="warning"'],
        "equal": ["alertname", "host", "provider"],
    }


def _file(name: str) -> str:
    """The file with a receiver's secret."""
    return f"{CREDENTIALS}/{name}.key"


def _slack(name: str, receiver: Receiver) -> dict[str, Any]:
    one = {
        "api_url_file": _file(name),
        "channel": receiver.channel,
        "title": _TITLE,
        "text": _TEXT,
        "send_resolved": True,
    }
    return {"slack_configs": [one]}


def _pagerduty(name: str, receiver: Receiver) -> dict[str, Any]:
    one = {"routing_key_file": _file(name), "description": _TITLE, "severity": "{{ .CommonLabels.severity }}"}
    return {"pagerduty_configs": [{**one, "send_resolved": True}]}


def _email(name: str, receiver: Receiver) -> dict[str, Any]:
    account = {"auth_username": receiver.username, "auth_password_file": _file(name)} if receiver.secret else {}
    one = {"to": ", ".join(receiver.to), "from": receiver.sender, "smarthost": receiver.smarthost, **account}
    return {
        "email_configs": [{**one, "headers": {"Subject": _TITLE}, "text": _TEXT, "html": "", "send_resolved": True}]
    }


def _webhook(name: str, receiver: Receiver) -> dict[str, Any]:
    one: dict[str, Any] = {"url": receiver.url, "send_resolved": True}
    if receiver.secret:
        one["http_config"] = {"authorization": {"credentials_file": _file(name)}}
    return {"webhook_configs": [one]}


_KINDS: Mapping[str, Callable[[str, Receiver], dict[str, Any]]] = {
    "slack": _slack,
    "pagerduty": _pagerduty,
    "email": _email,
    "webhook": _webhook,
}

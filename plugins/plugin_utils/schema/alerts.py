# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_monitoring.alerts` and `.receivers`: when people are told, and who."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from .base import AlsoSpelled, SecretName, Strict, Words, text_list
from .durations import Duration

Severity = Literal["critical", "warning", "info"]
Share = Annotated[float, Field(gt=0, lt=1)]


class Alerts(Strict):
    """Limits above which an alert is sent. Each default has its reason; a limit of a lab's own is a line here."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "rules": "rules of your own belong to a file of yours; write its path in `rule_files`",
        "enabled": "to send nothing, leave `receivers` out: alerts are then only shown",
    }

    rule_files: Words = ()
    """Further rule files on the host, for Prometheus; a pattern such as `/etc/prometheus/own/*.yml`."""
    availability: Share = 0.99
    """Share of requests that must be answered, over 30 days: the objective. One bad hour in four days is too much."""
    first_token_seconds: Annotated[float, Field(gt=0)] = 5
    """A first token, or a whole answer that is not streamed, later than this is slow: people leave."""
    fast_enough: Share = 0.95
    """Share of requests that must not be slow, over 30 days: the second objective."""
    failing_provider: Share = 0.2
    """Share of a provider's calls that fail: one in five is no accident, also when a fallback answers."""
    refused: Share = 0.5
    """Share of requests without a valid key: a scanner, or a client with an old key."""
    cache_memory: Share = 0.95
    """Share of Redis's memory that is used while it drops answers: the cache is too small to be of use."""
    disk_full_hours: Annotated[int, Field(ge=1)] = 24
    """A disk that will be full within so many hours: one night to react."""
    disk_free: Share = 0.05
    """Share of a file system that is free: below it, a model or a release no longer fits."""
    memory_free: Share = 0.05
    """Share of the host's memory that is available: below it, the kernel ends an engine."""
    card_memory: Share = 0.97
    """Share of a card's memory that is used: the next long context fails."""
    card_temperature: Annotated[int, Field(ge=40, le=120)] = 87
    """Degrees Celsius: above it, most cards slow themselves down."""
    certificate_days: Annotated[int, Field(ge=1)] = 14
    """Days before a certificate ends: two tries of a weekly renewal."""
    clock_seconds: Annotated[float, Field(gt=0)] = 2
    """Seconds that a host's clock may be wrong: limits and cooldowns are counted with it."""
    waiting_requests: Annotated[int, Field(ge=1)] = 20
    """Requests that wait in an engine for ten minutes: it has more clients than it can serve."""


class Receiver(Strict):
    """Where alerts go: Slack, PagerDuty, e-mail, or an address of yours."""

    ALSO: ClassVar[Mapping[str, str]] = {"severity": "severities"}
    REFUSED: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("api_url", "webhook_url", "routing_key", "password", "token", "integration_key"),
            "put it into ai_backend_secrets, and its name into `secret`",
        ),
        "email": "write `to`",
    }

    type: Literal["slack", "pagerduty", "email", "webhook"]
    """What it is."""
    severities: Annotated[
        tuple[Severity, ...], BeforeValidator(text_list), AlsoSpelled({"enum": list(get_args(Severity))})
    ] = ("critical", "warning")
    """Which alerts it gets."""
    secret: SecretName | None = None
    """Name in ai_backend_secrets: Slack's URL, PagerDuty's routing key, the mail password, or a bearer token."""
    channel: str | None = None
    """Slack: the channel, such as `#gpu-alerts`."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Webhook: its address."""
    to: Words = ()
    """E-mail: who gets it."""
    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    """E-mail: from whom it is."""
    smarthost: Annotated[str, Field(pattern=r"^[^\s:]+:[0-9]+$")] | None = None
    """E-mail: server and port that take it, such as `mail.example.com:587`."""
    username: str | None = None
    """E-mail: name of the account, if the server wants one."""
    repeat: Duration = 14400
    """How often one that goes on is sent again."""

    @model_validator(mode="after")
    def _check(self) -> Receiver:
        needed = {
            "slack": ("secret", "channel"),
            "pagerduty": ("secret",),
            "email": ("to", "sender", "smarthost"),
            "webhook": ("url",),
        }
        allowed = {*needed[self.type], "type", "severities", "secret", "repeat"}
        allowed |= {"username"} if self.type == "email" else set()
        for name in needed[self.type]:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing → {self.type} needs {' and '.join(needed[self.type])}")
        if foreign := sorted(self.model_fields_set - allowed):
            raise ValueError(f"{foreign[0]} is not for {self.type} → remove it")
        if (self.username is None) != (self.secret is None) and self.type == "email":
            raise ValueError("username and secret belong together → write both, or neither")
        if not self.severities:
            raise ValueError("severities is empty → write critical, warning or info")
        return self


# Names are those of Alertmanager's receivers.
Receivers = dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Receiver]


def wants(receivers: Mapping[str, Receiver], severity: str) -> list[str]:
    """The receivers of a severity, sorted."""
    return sorted(name for name, receiver in receivers.items() if severity in receiver.severities)


def secrets_of(receivers: Mapping[str, Receiver]) -> dict[str, Any]:
    """{receiver: name of its secret} of those that have one."""
    return {name: receiver.secret for name, receiver in sorted(receivers.items()) if receiver.secret is not None}

# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the record of requests adds up to. A line of the record is a request (docs/requests.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .families import Family, Histogram

# Seconds. From a cached answer to the longest one that the edge waits for.
LONG = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
FIRST = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
OVERHEAD = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# Classes of the record's errors that no client causes.
FAULTS = ("engine_error", "gateway_error", "no_engine", "provider_limited", "provider_refused", "timeout")
# A deployment that was passed over, because the breaker had it out already.
NOT_ASKED = "out_of_rotation"
COUNTERS = {
    "requests_total": "Requests by what was asked, who answered, and how.",
    "client_requests_total": "Requests by client.",
    "tokens_total": "Tokens by model and provider; direction is in or out.",
    "client_tokens_total": "Tokens by client; direction is in or out.",
    "cost_dollars_total": "Cost by model and provider, as far as prices are known.",
    "client_cost_dollars_total": "Cost by client, as far as prices are known.",
    "cache_hits_total": "Requests that the cache answered.",
    "slow_answers_total": "Answers that began later than the objective allows.",
    "generation_seconds_total": "Time between first and last token of streamed answers.",
    "provider_calls_total": "Calls of a provider; result is answered or failed.",
    "fallbacks_total": "Calls after which another deployment was asked.",
    "records_total": "Lines of the record.",
    "records_lost_total": "Requests that could not be written to the record.",
    "records_unreadable_total": "Lines of the record that are none.",
}


class Tally:
    """All counters of one gateway. first_token_seconds: a first token later than this is slow."""

    def __init__(self, models: Sequence[str], providers: Sequence[str], first_token_seconds: float) -> None:
        self.limit = first_token_seconds
        self.counters = {name: Family(f"ai_backend_{name}", "counter", text) for name, text in COUNTERS.items()}
        self.last = Family(
            "ai_backend_record_last_timestamp_seconds", "gauge", "When the newest request began, or the exporter."
        )
        about = "From the request to its last byte."
        self.duration = Histogram("ai_backend_request_duration_seconds", about, LONG)
        self.first = Histogram("ai_backend_first_token_seconds", "From the request to its first token.", FIRST)
        self.overhead = Histogram("ai_backend_overhead_seconds", "What the gateway itself needs.", OVERHEAD)
        self._begin(models, providers)

    def _begin(self, models: Sequence[str], providers: Sequence[str]) -> None:
        counters = self.counters
        for name in ("records_total", "records_lost_total", "records_unreadable_total"):
            counters[name].begin()
        for model in models:
            counters["cache_hits_total"].begin(model=model)
            for status, error in (("200", ""), ("500", "engine_error")):
                counters["requests_total"].begin(model=model, provider="", status=status, error=error)
        for provider in providers:
            for result in ("answered", "failed"):
                counters["provider_calls_total"].begin(provider=provider, result=result)

    def families(self) -> Iterator[Family | Histogram]:
        yield from self.counters.values()
        yield from (self.last, self.duration, self.first, self.overhead)

    def take(self, text: str) -> None:
        """Count one line of the record."""
        try:
            record = json.loads(text)
            self._count(record)
        except (ValueError, TypeError, AttributeError, KeyError):
            self.counters["records_unreadable_total"].add(1)

    def _count(self, record: Mapping[str, Any]) -> None:
        counters, status = self.counters, str(record["status"])
        model, provider = record.get("model") or "", record.get("provider") or ""
        client, error = record.get("client") or "", record.get("error") or ""
        self.last.set(datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp())
        counters["records_total"].add(1)
        counters["records_lost_total"].add(record.get("lost") or 0)
        counters["requests_total"].add(1, model=model, provider=provider, status=status, error=error)
        counters["client_requests_total"].add(1, client=client, status=status)
        if record.get("cache_hit"):
            counters["cache_hits_total"].add(1, model=model)
        self._usage(record, model, provider, client)
        self._calls(record, provider, error)
        if status == "200":
            self._times(record, model, provider)

    def _usage(self, record: Mapping[str, Any], model: str, provider: str, client: str) -> None:
        for direction in ("in", "out"):
            tokens = record.get(f"tokens_{direction}") or 0
            self.counters["tokens_total"].add(tokens, model=model, provider=provider, direction=direction)
            self.counters["client_tokens_total"].add(tokens, client=client, direction=direction)
        if cost := record.get("cost") or 0:
            self.counters["cost_dollars_total"].add(cost, model=model, provider=provider)
            self.counters["client_cost_dollars_total"].add(cost, client=client)

    def _calls(self, record: Mapping[str, Any], provider: str, error: str) -> None:
        calls = self.counters["provider_calls_total"]
        for before in record.get("fallbacks") or ():
            name, reason = before.get("provider") or "", before.get("reason") or ""
            self.counters["fallbacks_total"].add(1, provider=name, reason=reason)
            if reason != NOT_ASKED:
                calls.add(1, provider=name, result="failed")
        if provider and not record.get("cache_hit"):
            calls.add(1, provider=provider, result="failed" if error in FAULTS else "answered")

    def _times(self, record: Mapping[str, Any], model: str, provider: str) -> None:
        seconds = float(record.get("duration_ms") or 0) / 1000
        first = record.get("ttft_ms")
        begins = seconds if first is None else float(first) / 1000
        self.duration.observe(seconds, model=model, provider=provider)
        self.first.observe(begins, model=model, provider=provider)
        if record.get("overhead_ms") is not None:
            self.overhead.observe(float(record["overhead_ms"]) / 1000)
        self.counters["slow_answers_total"].add(int(begins > self.limit), model=model, provider=provider)
        if record.get("stream") and first is not None:
            self.counters["generation_seconds_total"].add(max(0.0, seconds - begins), model=model, provider=provider)

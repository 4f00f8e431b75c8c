# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever LiteLLM has a prefix for and the collection has no type for: Azure, Bedrock, Vertex and many others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ...schema.pydantic_findings import refused
from ...schema.secrets import references
from ..model import OneRemote
from ..provider import Provider

# What has a key of its own here.
_ELSEWHERE: Mapping[str, str] = {
    "api_key": "write `env_var`, the name of the key",  # pragma: allowlist secret
    "custom_llm_provider": "write `prefix`",
    "model": "write the model in `models:`",
    "order": "order is routing: write a `fallback_chain` in ai_backend_routing",
    "rpm": "limits belong to a model: write `rate_limits` in the `models:` entry",
    "stream_timeout": "write `stream_gap_seconds`",
    "timeout": "write `timeout_seconds`",
    "tpm": "limits belong to a model: write `rate_limits` in the `models:` entry",
    "weight": "weights are routing: write them in ai_backend_routing.load_balancing",
}
# Names of parameters whose values are secrets.
_SECRET = re.compile(r"(?:^|_)(?:key|key_id|token|secret|password)$")


class ByPrefix(Provider):
    """Whatever LiteLLM has a `prefix` for: Azure, Bedrock, Vertex and others. `base_url` only if LiteLLM needs it."""

    PAID: ClassVar[bool] = True
    ONLY_LITELLM: ClassVar[bool] = True
    OPENAI_API: ClassVar[bool] = False
    # A request of any kind is LiteLLM's to translate.
    RESPONSES: ClassVar[bool] = True
    type: Literal["litellm"]
    """The kind of provider."""
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    """LiteLLM's prefix of the model: `azure`, `bedrock`, `vertex_ai`, `gemini`."""
    parameters: dict[str, Any] = {}
    """LiteLLM's parameters of each deployment (`api_version`, `aws_region_name`); secrets as `os.environ/NAME`."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in sorted(value):
            if name in _ELSEWHERE:
                raise ValueError(f"{name} has a key of its own → {_ELSEWHERE[name]}")
            if _SECRET.search(name) and not references(value[name]):
                raise refused("secrets", f"{name} is a secret → write `{name}: os.environ/SOME_NAME`")
        return value

    @property
    def usual_client(self) -> str:
        """Its prefix."""
        return self.prefix

    @property
    def client_parameters(self) -> Mapping[str, Any]:
        """Those of the registry."""
        return self.parameters

    @property
    def keyless(self) -> bool:
        """With an address and without a secret, LiteLLM would send that address a key of another provider."""
        others = {name: value for name, value in self.parameters.items() if name != "api_base"}
        return not self._address or bool(references(others))

    @property
    def _address(self) -> str:
        return self.base_url or str(self.parameters.get("api_base", ""))

    @model_validator(mode="after")
    def _no_server_of_its_own(self) -> ByPrefix:
        if self.prefix.startswith("ollama") and not self._address:
            raise ValueError("has no base_url, so LiteLLM would start an Ollama itself → write `type: ollama`")
        return self

    def address(self, client: str, base: str) -> str:
        """As it is written: LiteLLM's clients differ in what they add."""
        return base

    @property
    def kind(self) -> str:
        """What it is, in a sentence."""
        return f"LiteLLM's {self.prefix}"

    @property
    def secret_names(self) -> Sequence[str]:
        """Its key, and what its parameters refer to."""
        return [*super().secret_names, *sorted(references(self.parameters))]

# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all registry models share: strictness, and the types of names, ports, addresses and URLs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import netaddr
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

from .pydantic_findings import refused

SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


class Strict(BaseModel):
    """A registry model: unknown keys are errors, instances do not change, error texts hold no input."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    # Words users write that nothing here can do: word -> what to write instead.
    REFUSED: ClassVar[Mapping[str, str]] = {}
    # Other words for a field: word -> field.
    ALSO: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        data = cls.mapping_of(data)
        return one_word_each(data, cls.ALSO, cls.differ) if isinstance(data, dict) else data

    @classmethod
    def mapping_of(cls, data: Any) -> Any:
        """What a model reads where a user may write it shorter, or in another form."""
        return data

    @classmethod
    def differ(cls, field: str, words: Sequence[str]) -> Exception:
        """What is raised where several words for a field have different values."""
        return ValueError(f"{' and '.join(words)} differ → keep one of them")


def one_word_each(
    data: Mapping[str, Any], also: Mapping[str, str], differ: Callable[[str, Sequence[str]], Exception]
) -> dict[str, Any]:
    """`data` with each field under its own word. Several words for one field must agree; a text is a list of one.

    A word without a value does not count. Raises what `differ` makes of a field and the words for it that do not agree.
    """
    result = dict(data)
    for field in dict.fromkeys(also.values()):
        words = [word for word, known in also.items() if known == field and word in result]
        words += [field] if field in result else []
        given = {word: value for word in words if (value := result.pop(word)) is not None}
        first, *others = [[value] if isinstance(value, str) else value for value in given.values()] or [None]
        if any(other != first for other in others):
            raise differ(field, list(given))
        if given:
            result[field] = next(iter(given.values()))
    return result


class AlsoSpelled:
    """Adds another accepted spelling to the JSON schema of a field read by a `before` validator."""

    def __init__(self, *schemas: dict[str, object]) -> None:
        self.schemas = schemas

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"anyOf": [*self.schemas, handler(core)]}


def text_list(value: object) -> object:
    """One text is a list of one."""
    return [value] if isinstance(value, str) else value


def _number_text(value: object) -> object:
    """YAML reads `size: 8` as a number; as a description it is a text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def parse_address(text: str) -> netaddr.IPAddress | None:
    """An IPv4 or IPv6 address, or None. Legacy forms (`10.1`, `0x7f.1`) are not addresses."""
    try:
        return netaddr.IPAddress(text, flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        return None


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this very machine."""
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback())


def host_port(host: str, port: int) -> str:
    """`host:port` for a URL; IPv6 addresses get their brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(value: str) -> str:
    address = parse_address(value)
    if address is None:
        raise ValueError("is not an IP address → write one, such as 0.0.0.0 or 10.0.0.5")
    return str(address)


# What clients add to an address themselves.
_ASKED = re.compile(
    r"/(api/(generate|chat|tags|show|embed|embeddings)|chat/completions|completions|embeddings|models|responses)/?$"
)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL → write http://host:port or https://host/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", value) or port == 0:
        raise ValueError("is not a URL → write http://host:port or https://host/path")
    if parts.username is not None or parts.password is not None:
        raise refused("secrets", "holds a user or password → give secrets by name: `env_var:` and ai_backend_secrets")
    if parts.query or parts.fragment:
        raise ValueError("has a query or fragment → write only scheme, host, port and path")
    address = parse_address(parts.hostname)
    if address is not None and not int(address):
        raise ValueError("is an address to listen on, and nobody answers there → write the server's own, or 127.0.0.1")
    if asked := _ASKED.search(value):
        raise ValueError(f"is where one kind of request goes → write {value[: asked.start()]}")
    return value.rstrip("/")


def is_url(text: str) -> bool:
    """Whether a text can be the address of a provider."""
    try:
        return bool(_url(text))
    except ValueError:
        return False


# LiteLLM writes the name into a header, and splits one with commas. The gateway has the same rule for requests.
_NAME = re.compile(r"[!-+\--~]{1,256}")


def is_askable(name: str) -> bool:
    """Whether the gateway takes a request for this name."""
    return _NAME.fullmatch(name) is not None


def check_model_name(value: str) -> str:
    """A name of a model, as it is; ValueError with what is wrong."""
    if not value or re.search(r"\s", value) or not value.isprintable():
        raise refused("names", "is empty or has blanks → write the model's name without blanks")
    if "*" in value:
        raise refused("names", "holds a '*' → a name is exact; globs belong in ai_backend_routing.patterns")
    if not is_askable(value):
        words = "a name has up to 256 printable ASCII characters, and no comma"
        raise refused("names", f"is not a name that LiteLLM can answer with → {words}")
    return value


def is_model_name(value: str) -> bool:
    """Whether a text can be the name of a model."""
    try:
        return check_model_name(value) == value
    except ValueError:
        return False


def _secret_name(value: str) -> str:
    if not SECRET_NAME.fullmatch(value):
        raise refused("secrets", "is not a secret's name → write a name such as OPENAI_API_KEY (A-Z, 0-9, _)")
    return value


def _path(value: str) -> str:
    if not value.startswith("/") or re.search(r"\s", value):
        raise ValueError("is not a path of a URL → start it with '/'")
    return value


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=86400)]
# Tokens of context. No model has more than a tenth of it, so more is a typing error.
Context = Annotated[int, Field(ge=1, le=100_000_000)]
Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
UrlPath = Annotated[str, AfterValidator(_path)]
ModelName = Annotated[str, AfterValidator(check_model_name)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
Words = Annotated[tuple[str, ...], BeforeValidator(text_list), AlsoSpelled({"type": "string"})]
Text = Annotated[str, BeforeValidator(_number_text), AlsoSpelled({"type": "number"})]


class Described(Strict):
    """Keys for people. They are checked, kept in the registry and its documents, and change nothing else."""

    description: str | None = None
    """What it is, for people."""
    docs: str | None = None
    """Where to read more, for people."""
    features: Words = ()
    """What it can do, for people."""
    notes: Words = ()
    """Anything else, for people."""
    location: str | None = None
    """Where it is, for people."""

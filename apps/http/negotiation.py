"""Answers that are asked for again: ETags, and JSON beside CSV."""

from typing import Any, Final

CSV: Final = "text/csv"
JSON: Final = "application/json"


def headers_of(digest: str) -> dict[str, str]:
    """Headers of an answer that may change with the next bar or promotion.

    It is to be asked for again, which is cheap. ``digest`` is of all that the answer's bytes depend on.
    """
    return {"ETag": f'"{digest[:32]}"', "Cache-Control": "no-cache", "Vary": "Accept"}


def not_modified(if_none_match: str, headers: dict[str, str]) -> bool:
    """Whether the client has this answer (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in named or headers["ETag"] in named


def conditional(description: str = "") -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an answer of JSON that has an ETag."""
    return {
        200: {"description": description or "OK", "headers": _ETAG},
        304: {"description": "What If-None-Match names is still what there is"},
    }


def two_media(schema: str) -> dict[int | str, dict[str, Any]]:
    """The same of an answer that is CSV where Accept asks for it."""
    found = conditional("JSON, or CSV where Accept asks for text/csv")
    found[200]["content"] = {
        JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}},
        CSV: {"schema": {"type": "string"}},
    }
    return found


_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Of all that the answer depends on"}}


def prefers_csv(accept: str) -> bool:
    """Whether an Accept header wants CSV rather than JSON; JSON where it does not say."""
    return _quality(accept, CSV) > _quality(accept, JSON)


def _quality(accept: str, media: str) -> float:
    """The weight of a media type: that of its most specific range (RFC 9110, 12.5.1)."""
    ranges = {media: 3, f"{media.partition('/')[0]}/*": 2, "*/*": 1}
    best, weight = 0, 0.0
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if ranges.get(name, 0) > best:
            best, weight = ranges[name], _weight(parameters)
    return weight


def _weight(parameters: list[str]) -> float:
    given = [text[2:] for text in parameters if text.startswith("q=")]
    try:
        return float(given[0]) if given else 1.0
    except ValueError:
        return 0.0

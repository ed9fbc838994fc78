from pathlib import Path

from ml import errors

ROOT = Path(__file__).resolve().parents[2]


def test_the_guide_explains_every_error_code() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TickerflowError)
    ]
    guide = (ROOT / "docs/guides/errors.md").read_text(encoding="utf-8")
    assert len(kinds) > 15
    assert [kind.code for kind in kinds if f"| {kind.code} |" not in guide] == []
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_every_guide_that_the_readme_links_to_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [part.split(")")[0] for part in readme.split("](")[1:]]
    local = [link for link in links if not link.startswith("http")]
    assert len(local) > 5
    assert [link for link in local if not (ROOT / link).exists()] == []

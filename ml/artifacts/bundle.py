"""A model as it is in memory, and the four files that it becomes."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ml.artifacts.meta import Digests, Meta, dump_meta, version_name
from ml.artifacts.scaler_io import dump_scaler, load_scaler
from ml.artifacts.weights_io import Shapes, dump_weights, load_weights
from ml.features.scaling import Scaler
from ml.forecasting.spec import ForecastSpec

ShapesOf = Callable[[ForecastSpec], Shapes]


@dataclass(frozen=True)
class Pair:
    """The bytes of the two binary files."""

    pth: bytes
    scaler: bytes

    @property
    def digests(self) -> Digests:
        """Their sha256."""
        return Digests(pth=sha256(self.pth), scaler=sha256(self.scaler))


@dataclass(frozen=True)
class Bundle:
    """All that forecasting needs: the three belong together.

    Attributes:
        meta: what it is.
        weights: by name.
        scaler: fitted.
        pair: the verified bytes that weights and scaler were read from, where they are still at hand.
    """

    meta: Meta
    weights: Mapping[str, Tensor]
    scaler: Scaler
    pair: Pair | None = field(default=None, repr=False)


def encode(bundle: Bundle, shapes_of: ShapesOf) -> tuple[Meta, Pair]:
    """The bundle's bytes, and its meta with their sha256 and, where it has none yet, a version.

    Raises `ArtifactError` for what could not be loaded again.
    """
    where = str(bundle.meta.key)
    pair = bundle.pair or Pair(
        pth=dump_weights(bundle.weights, shapes_of(bundle.meta), where),
        scaler=dump_scaler(bundle.scaler, len(bundle.meta.inputs), where),
    )
    return seal(bundle.meta, pair), pair


def seal(meta: Meta, pair: Pair) -> Meta:
    """The meta with the pair's sha256 and, where it has none yet, a version."""
    sealed = meta.model_copy(update={"sha256": pair.digests})
    if sealed.version:
        return sealed
    name = version_name(meta.created_at, dump_meta(sealed), pair.pth, pair.scaler)
    return sealed.model_copy(update={"version": name})


def decode(meta: Meta, pair: Pair, shapes_of: ShapesOf, where: str) -> Bundle:
    """Load verified bytes; raises `ArtifactError` for what does not fit the meta."""
    return Bundle(
        meta=meta,
        weights=load_weights(pair.pth, shapes_of(meta), f"{where}.pth"),
        scaler=load_scaler(pair.scaler, len(meta.inputs), f"{where}.scaler.pkl"),
    )


def sha256(content: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(content).hexdigest()

"""Models in folders: `config.json` and `model.safetensors`, as the field keeps them."""

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

Model = TypeVar("Model", bound="PretrainedMixin")
CONFIG, WEIGHTS, SCALE = "config.json", "model.safetensors", ".scale"


class PretrainedMixin(nn.Module):
    """`save_pretrained` and `from_pretrained` for a module that is built from a dataclass, its `config`.

    >>> @dataclasses.dataclass
    ... class Size:
    ...     width: int = 2
    >>> class Row(PretrainedMixin):
    ...     config_class = Size
    ...
    ...     def __init__(self, config):
    ...         super().__init__()
    ...         self.config, self.weight = config, nn.Parameter(torch.ones(config.width))
    >>> Row(Size(3)).save_pretrained("row")
    >>> Row.from_pretrained("row").weight.shape
    torch.Size([3])
    """

    config_class: ClassVar[type]
    nested_configs: ClassVar[dict[str, type]] = {}  # the dataclasses of its fields that are such, or None
    shipped: ClassVar[Path | None] = None  # the folder of the models that come with the class, each in one of its name
    config: Any

    def save_pretrained(self, folder: str | Path, *, int8: bool = False) -> None:
        """Writes `config.json` and `model.safetensors` into the folder, which is made if need be.

        With `int8` a matrix takes a quarter of its room in float32: whole numbers from -127 to 127, and a scale for
        each row (NAME.scale) by which `from_pretrained` multiplies them.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        content = {"model": type(self).__name__} | dataclasses.asdict(self.config)
        (folder / CONFIG).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        weights = self.state_dict()
        if int8:
            for name in [name for name, tensor in weights.items() if tensor.ndim > 1 and tensor.is_floating_point()]:
                scale = weights[name].abs().amax(-1, keepdim=True).float().clamp_min(1e-30) / 127
                weights |= {name: (weights[name] / scale).round().to(torch.int8), name + SCALE: scale}
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)

    @classmethod
    def from_pretrained(cls: type[Model], folder: str | Path) -> Model:
        """The model, in eval mode and on the CPU, that `save_pretrained` wrote; its weights have the dtype of the file,
        or float32 where that is int8.

        `folder` may be the name of a model that comes with brainlib, unless a folder of that name is at hand; nothing
        is downloaded. Raises `ValueError` for what is neither, and one that names the file and the key for a
        configuration or weights that are missing, of another model, or do not fit each other.
        """
        folder = cls._found(folder)
        with torch.random.fork_rng(devices=[]):  # what the weights are drawn from is not the caller's
            model = cls(cls._read_config(folder / CONFIG))
        path = folder / WEIGHTS
        try:
            weights = load_file(path)
            scales = {name: weights.pop(name + SCALE) for name in list(weights) if name + SCALE in weights}
            weights |= {name: weights[name] * scale for name, scale in scales.items()}
            model.load_state_dict(weights, assign=True)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path}: cannot be read ({error})") from error
        except RuntimeError as error:  # torch names every tensor that is missing, unknown or of another shape
            raise ValueError(f"{path}: not the weights that {CONFIG} asks for ({error})") from error
        return model.eval()

    @classmethod
    def _found(cls, name: str | Path) -> Path:
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        own = {path.parent.name: path.parent for path in cls.shipped.glob(f"*/{CONFIG}")} if cls.shipped else {}
        if str(name) not in own:
            raise ValueError(f"folder: got {str(name)!r}, expected a folder, or a model of brainlib: {sorted(own)}")
        return own[str(name)]

    @classmethod
    def _read_config(cls, path: Path) -> Any:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read ({error})") from error
        _require_keys(path, "", content, {"model", *(field.name for field in dataclasses.fields(cls.config_class))})
        if (kind := content.pop("model")) != cls.__name__:
            raise ValueError(f"{path}: 'model' is {kind!r}, expected {cls.__name__!r}")
        try:
            for name, kind in cls.nested_configs.items():
                if content[name] is not None:
                    _require_keys(path, f"{name}.", content[name], {field.name for field in dataclasses.fields(kind)})
                    content[name] = kind(**content[name])
            lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
            return cls.config_class(**content | lists)
        except (TypeError, ValueError) as error:
            raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _require_keys(path: Path, prefix: str, content: Any, keys: set[str]) -> None:
    for key in sorted(keys ^ set(content if isinstance(content, dict) else ())):
        kind = "missing" if key in keys else "unknown"
        raise ValueError(f"{path}: {prefix + key!r} is {kind}, expected {sorted(keys)}")

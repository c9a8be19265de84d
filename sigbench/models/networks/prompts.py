"""Networks that read text: a file of prompts, a line each, whose codes stand in the place of classes.

The prompt in line k is class k of a task, and the empty prompt means none: a network of text is then asked, guided and
labelled as one of classes is. Codes are those of the pipeline's own tokenizer and text encoder, made once.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.files import document, is_file, is_folder, read_text, sha256_of
from sigbench.guard import guarded, one_line, told
from sigbench.models.file import ModelTable
from sigbench.models.networks.model import check_finite, stamp_of

_TOKENIZER, _ENCODER, _WEIGHTS = "tokenizer", "text_encoder", "model.safetensors"
_CLASSES = ("CLIPTextModel",)
_MOST_PROMPTS, _MOST_CHARACTERS = 10_000, 2_000
_BATCH = 32
_MORE_THAN_TEXT = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "num_class_embeds")


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts, and the codes of them and of the empty one behind them, shape (n + 1, tokens, d), float32."""

    texts: tuple[str, ...]
    codes: Tensor
    hashes: dict[str, str]

    @property
    def null(self) -> int:
        """The label of the empty prompt."""
        return len(self.texts)


def prompts_of(table: ModelTable, folder: Path, where: Path, index: Mapping[str, Any]) -> Prompts | None:
    """Returns the prompts that a task's file in `folder` names, as the pipeline in `where` reads them, or None.

    `index` is the pipeline's configuration. Raises BadInput where it reads text and has no prompts, or the reverse.
    """
    reads_text = any(name.startswith(_ENCODER) for name in index)
    if table.prompts is None:
        if reads_text:
            pipeline = one_line(str(index.get("_class_name")))
            raise BadInput(
                f"model.path: {where} is a {pipeline}, whose network reads text: name a file of prompts, a line each, "
                'prompts = "prompts.txt".'
            )
        return None
    if not reads_text:
        raise BadInput(f"model.prompts: {where} is no pipeline with a text encoder, so that nothing reads the prompts.")
    if table.null_label is not None:
        raise BadInput("model.null_label: of a network that reads text the empty prompt means none.")
    return read_prompts(folder / table.prompts, where, index)


def check_text(reads: bool, prompts: Prompts | None, config: Any, inner: Path) -> None:
    """Raises BadInput where prompts are not what a network asks for: it reads none, more than text, or other codes."""
    if prompts is None:
        if reads:
            raise BadInput(
                f"model.path: the network in {inner} reads text: name its pipeline's folder, and a file of prompts."
            )
        return
    if not reads:
        raise BadInput(f"model.prompts: the network in {inner} reads no text.")
    with document(f"the configuration in {inner}"):
        more = [name for name in _MORE_THAN_TEXT if getattr(config, name, None) is not None]
        width = int(config.cross_attention_dim)
    if more:
        raise BadInput(f"model.path: the network in {inner} asks for more than text: {', '.join(more)}.")
    if width != prompts.codes.shape[2]:
        raise BadInput(
            f"model.path: the network in {inner} reads codes of {width} numbers, and its text encoder gives "
            f"{prompts.codes.shape[2]}."
        )


def read_prompts(file: Path, where: Path, index: Mapping[str, Any]) -> Prompts:
    """Returns the prompts of a file as a pipeline in a folder reads them; `index` is the pipeline's configuration.

    Raises BadInput for a file without prompts, and for a pipeline whose text encoder is not one of CLIP's.
    """
    texts = _lines(file)
    encoders = sorted(name for name in index if name.startswith(_ENCODER))
    classes = {name: _class_in(index[name]) for name in encoders}
    if encoders != [_ENCODER] or classes[_ENCODER] not in _CLASSES:
        named = ", ".join(f"{name}: {found}" for name, found in classes.items())
        raise BadInput(
            f"model.prompts: {where} is a {one_line(str(index.get('_class_name')))} with {named}, and only "
            f"pipelines with one {' or '.join(_CLASSES)} run: hold the prompts in a FILE.py:FUNCTION of yours, "
            'kind = "python".'
        )
    for part in (_TOKENIZER, _ENCODER):
        if not is_folder(where / part):
            raise BadInput(f"model.path: {where} has no {part}, which its prompts are read by.")
    if not is_file(where / _ENCODER / _WEIGHTS):
        raise BadInput(f"model.path: {where / _ENCODER} holds no {_WEIGHTS}: save it by save_pretrained.")
    codes = _coded(where, texts, (stamp_of(where / _ENCODER), stamp_of(where / _TOKENIZER)))
    hashes = {"prompts": sha256_of(file), "text encoder": sha256_of(where / _ENCODER / _WEIGHTS)}
    hashes |= {
        f"tokenizer {each.name}": sha256_of(each)
        for each in sorted((where / _TOKENIZER).iterdir())
        if each.suffix in (".json", ".txt") and is_file(each)
    }
    return Prompts(texts, codes, hashes)


def _class_in(entry: Any) -> str:
    """The class of an entry [library, class] of a pipeline's configuration, which may hold anything."""
    return one_line(str(entry[-1])) if isinstance(entry, list) and entry and entry[-1] else "none"


def _lines(file: Path) -> tuple[str, ...]:
    texts = tuple(line.strip() for line in read_text(file, "the file of prompts").splitlines() if line.strip())
    if not texts:
        raise BadInput(f"model.prompts: {file} holds no prompt: write one a line.")
    if len(texts) > _MOST_PROMPTS or max(map(len, texts)) > _MOST_CHARACTERS:
        raise BadInput(
            f"model.prompts: {file} holds more than {_MOST_PROMPTS:,} prompts, or one of more than "
            f"{_MOST_CHARACTERS:,} characters."
        )
    return texts


@lru_cache(maxsize=4)
def _coded(where: Path, texts: tuple[str, ...], stamp: Hashable) -> Tensor:
    """The codes of prompts and of the empty one, as StableDiffusionPipeline.encode_prompt makes them."""
    try:
        from transformers import CLIPTextModel, CLIPTokenizer
    except Exception as error:  # it imports much, and dies of what does not fit together
        raise BadInput(
            f"model.prompts: transformers cannot be imported ({told(error)}): pip install 'sigbench[text]'."
        ) from error
    with guarded(f"the text encoder of {where} cannot be loaded"):
        tokenizer = CLIPTokenizer.from_pretrained(str(where / _TOKENIZER), local_files_only=True)
        encoder = CLIPTextModel.from_pretrained(
            str(where / _ENCODER), local_files_only=True, use_safetensors=True, torch_dtype=torch.float32
        )
    check_finite(encoder, where / _ENCODER)
    encoder.eval().requires_grad_(False)
    parts = []
    with guarded(f"the prompts cannot be read by {where}"), torch.no_grad():
        everything = [*texts, ""]
        for begin in range(0, len(everything), _BATCH):
            tokens = tokenizer(
                everything[begin : begin + _BATCH],
                padding="max_length",
                max_length=tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            )
            mask = tokens.attention_mask if getattr(encoder.config, "use_attention_mask", False) else None
            parts.append(encoder(tokens.input_ids, attention_mask=mask)[0])
    return torch.cat(parts)

"""Text from a language model, token by token: drawing, and `generate` for every model that has a state."""

import codecs
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from brainlib.arguments import whole_number
from brainlib.training.mode import mode


class GenerationMixin(nn.Module):
    """`generate` for a module that is called `model(tokens, state=...) -> logits, loss, state` and has a `config` with
    `vocab`. A model that reads single tokens faster than by this call overrides `stepper`.

    >>> from types import SimpleNamespace
    >>> class Alphabet(GenerationMixin):
    ...     config = SimpleNamespace(vocab=256)
    ...
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.next = nn.Parameter(torch.eye(256).roll(1, 1))
    ...
    ...     def forward(self, tokens, state=None):
    ...         return self.next[tokens], None, state
    >>> Alphabet().generate("a", 3, temperature=0.0)
    'abcd'
    """

    state_class: ClassVar[type] = object  # of its states
    config: Any

    def generate(
        self,
        prompt: "str | Int[Tensor, 'batch time']",
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
        *,
        top_p: float | None = None,
        stop: str | int | None = None,
        state: Any = None,
        stream: Callable[[Any], None] | None = None,
        return_state: bool = False,
    ) -> Any:
        """The prompt and at most `max_new_tokens` more, drawn by softmax(logits / temperature).

        - `prompt`: text (its bytes are the tokens; text comes back), or tokens (batch, time).
        - Only the `top_k` likeliest are drawn from, and of these the fewest that hold `top_p` of the probability;
          temperature 0 takes the likeliest.
        - `stop`: ends when the new tokens of every row have held it, a token or a text. It belongs to what comes back.
        - `stream` is called with every new token, (batch,), or with every new piece of text.
        - `state` continues an earlier text; with `return_state` the pair (text, state after all of it) comes back.

        The prompt is read once. Raises `ValueError` for unfit arguments.
        """
        vocab = self.config.vocab
        if not isinstance(prompt, str | Tensor) or prompt == "":
            got = "an empty text" if isinstance(prompt, str) else type(prompt).__name__
            raise ValueError(f"prompt: got {got}, expected text of a byte or more, or a tensor of tokens (batch, time)")
        if state is not None and not isinstance(state, self.state_class):
            expected = f"{self.state_class.__name__}, as `return_state` gives it"
            raise ValueError(f"state: got {type(state).__name__}, expected {expected}")
        check_sampling(max_new_tokens, temperature, top_k, top_p, vocab)
        as_text = isinstance(prompt, str)
        if (as_text or isinstance(stop, str)) and vocab != 256:
            raise ValueError(f"prompt, stop: got text for a model of {vocab} tokens, expected 256 (bytes), or tokens")
        device = next(self.parameters()).device
        tokens = torch.tensor([list(prompt.encode())], device=device) if isinstance(prompt, str) else prompt
        end = list(stop.encode()) if isinstance(stop, str) else None if stop is None else [whole_number("stop", stop)]
        if end == []:
            raise ValueError("stop: got an empty text, expected at least one byte")
        tell = _Letters(stream) if stream and as_text else stream
        drawn: list[Tensor] = []
        with mode(self, training=False), torch.no_grad():
            logits, _, state = self(tokens, state=state)
            step, stopped = self.stepper(state), torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
            for _ in range(max_new_tokens):
                logits = step(drawn[-1]) if drawn else logits[:, -1]
                drawn.append(sample(logits, temperature, top_k, generator, top_p))
                if tell:
                    tell(drawn[-1])
                if end is not None and len(drawn) >= len(end):
                    last = torch.stack(drawn[-len(end) :], 1)
                    stopped |= (last == torch.tensor(end, device=last.device)).all(1)
                    if stopped.all():
                        break
            if isinstance(tell, _Letters):
                tell(None)
            if return_state and drawn:
                step(drawn[-1])  # the only one that has not been read
        text = torch.cat((tokens.long(), *(token[:, None] for token in drawn)), dim=1)
        found = bytes(text[0].tolist()).decode(errors="replace") if as_text else text
        return (found, step.state) if return_state else found

    def stepper(self, state: Any) -> Any:
        """A function that reads one more token and gives the logits after it; its `state` is that after all of them."""
        return Stepper(self, state)


class Stepper:
    """Reads token by token with the model's own call."""

    def __init__(self, model: Any, state: Any) -> None:
        self.model, self.state = model, state

    def __call__(self, token: Int[Tensor, "batch"]) -> Float[Tensor, "batch vocab"]:
        logits, _, self.state = self.model(token[:, None], state=self.state)
        return logits[:, -1]


def check_sampling(max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None, vocab: int) -> None:
    """Raises `ValueError` for a negative count or temperature, a top_k outside 1 .. vocab, a top_p outside 0 .. 1."""
    whole_number("max_new_tokens", max_new_tokens, least=0)
    if not temperature >= 0:
        raise ValueError(f"temperature: got {temperature}, expected at least 0")
    if top_k is not None and not 1 <= whole_number("top_k", top_k) <= vocab:
        raise ValueError(f"top_k: got {top_k}, expected 1 to {vocab}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: got {top_p}, expected more than 0 and at most 1")


def sample(
    logits: Float[Tensor, "batch vocab"],
    temperature: float,
    top_k: int | None,
    generator: torch.Generator | None,
    top_p: float | None = None,
) -> Int[Tensor, "batch"]:
    """One token a row by softmax(logits / temperature) over the `top_k` likeliest, and of these over the fewest that
    together have a probability of `top_p`; at temperature 0 the likeliest.

    Of equally likely tokens so many are left out that no more than `top_k` remain.
    """
    if top_k == 1 or temperature < torch.finfo(torch.float32).tiny:
        return logits.argmax(-1)
    scaled = (logits - logits.amax(-1, keepdim=True)) / temperature  # at most 0, which no temperature makes infinite
    if top_k is not None:
        kept = logits.topk(top_k).indices
        scaled = torch.full_like(scaled, -torch.inf).scatter(-1, kept, scaled.gather(-1, kept))
    scaled = scaled.masked_fill(logits == -torch.inf, -torch.inf)  # which an infinite temperature makes a NaN
    probabilities = scaled.softmax(-1)
    if top_p is not None:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered  # of likelier tokens; the first always stays
        probabilities = torch.zeros_like(probabilities).scatter(-1, order, ordered.masked_fill(before >= top_p, 0))
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


class _Letters:
    """Tells whole letters, whose bytes come one after another."""

    def __init__(self, stream: Callable[[str], None]) -> None:
        self.stream, self.decoder = stream, codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self, token: Tensor | None) -> None:
        """One more byte, or None at the end."""
        if text := self.decoder.decode(b"" if token is None else bytes([int(token[0])]), final=token is None):
            self.stream(text)

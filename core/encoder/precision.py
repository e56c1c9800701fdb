"""How exactly an encoder computes: by name, which loads nothing."""

from typing import Literal

Precision = Literal["exact", "fast"]
"""``exact`` computes in 32 bits, ``fast`` in fewer where the processor or GPU is quicker in them."""

DType = Literal["float32", "bfloat16", "int8"]
"""In what an encoder computes. Training knows the first two."""

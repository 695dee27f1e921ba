"""Every test runs with brainlib's annotations checked: shapes and dtypes by jaxtyping, types by beartype."""

from jaxtyping import install_import_hook

install_import_hook("brainlib", "beartype.beartype")

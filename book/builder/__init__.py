"""The book's builder: `python -m book.builder --profile ci` executes the chapters and renders the site.

Before anything runs: `sources` reads the table of contents and the notebooks, `catalogue` what is known of them,
`plan` makes a `job` of each with the `fingerprint` of all that its result depends on, `needs` asks for the data.
`execution` hands the jobs to workers (`process`); a `worker` executes one in a `kernel`.
`recorded` keeps and draws the pages of chapters whose data cannot be had, `scoreboard` turns the ledger's records into
a page, `site` puts all together and renders it with Jupyter Book; `build` is all of this in order.
"""

import sys

# jsonschema, and so nbformat, would compile a grammar of web addresses for two seconds, in every process.
sys.modules.setdefault("rfc3987_syntax", None)

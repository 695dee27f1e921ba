"""The book's builder: `python -m book.builder --profile ci` executes the chapters and renders the site.

`sources` reads the table of contents and checks the notebooks, `execution` runs them with papermill and caches the
results, `scoreboard` turns the ledger's records into a page, `site` puts all together and renders it with Jupyter Book.
"""

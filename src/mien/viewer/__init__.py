"""A viewer without a browser: makes a real call as business backend and client, records and measures it."""

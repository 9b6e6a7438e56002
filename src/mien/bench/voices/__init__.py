"""Synthesisers that say when each of their sounds is heard: what lips can be measured against."""

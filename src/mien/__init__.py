"""Mien: self-hosted real-time video calls with AI digital humans."""

__version__ = "0.1.0"

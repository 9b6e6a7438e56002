"""Server callbacks: signed, durable, in order."""

from mien.callbacks.service import CallbackService
from mien.callbacks.signature import sign

__all__ = ["CallbackService", "sign"]

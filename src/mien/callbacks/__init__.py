"""Server callbacks: signed, durable, in order; and the calls of a business backend that must answer at once."""

from mien.callbacks.service import CallbackService
from mien.callbacks.signature import sign
from mien.callbacks.webhooks import WebhookCaller

__all__ = ["CallbackService", "WebhookCaller", "sign"]

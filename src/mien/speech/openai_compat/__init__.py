"""Language models behind an OpenAI-compatible URL: Chat Completions and Responses, streamed.

Our own client instead of an OpenAI SDK because the API's `LLM.Url` is a full path, its `Params` are merged into the
request as they are, reasoning must never be spoken, and every failure has a code of its own.
"""

from mien.speech.openai_compat.errors import LlmCode, LlmError, classify
from mien.speech.openai_compat.llm import OpenAICompatLLM

__all__ = ["LlmCode", "LlmError", "OpenAICompatLLM", "classify"]

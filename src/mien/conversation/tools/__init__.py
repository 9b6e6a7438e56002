"""What the model may do besides talking: functions of the business backend (webhooks) and of MCP servers."""

from mien.conversation.tools.toolbox import Toolbox

__all__ = ["Toolbox"]

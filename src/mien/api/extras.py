"""From the wire objects of the member `Mien` to what a conversation reads."""

from __future__ import annotations

from mien.api.errors import invalid
from mien.api.schemas.base import JsonObject
from mien.api.schemas.extras import ApologyWords, Extras, ExtrasUpdate, McpServer, Tool, WelcomeSpeech
from mien.conversation import spec
from mien.conversation.spec import ApologySpec, McpServerSpec, Priority, ToolSpec, WelcomeSpec


def extras_of(stored: JsonObject | None, given: Extras | None) -> Extras:
    """An instance's own members over those of its agent, each as a whole. `stored` is as it was sent."""
    agent = Extras.parse(stored) if stored else Extras()
    own = given or Extras()
    return Extras(
        Tools=agent.Tools if own.Tools is None else own.Tools,
        McpServers=agent.McpServers if own.McpServers is None else own.McpServers,
        Welcome=own.Welcome or agent.Welcome,
        Language=own.Language or agent.Language,
        Apology=own.Apology or agent.Apology,
    )


def tool_specs(tools: list[Tool] | None) -> tuple[ToolSpec, ...]:
    """The webhook tools."""
    return tuple(
        ToolSpec(
            name=tool.Name,
            description=tool.Description,
            parameters={"type": "object", "properties": {}} | tool.Parameters,
            url=tool.Url,
            headers=tool.Headers,
            timeout_s=tool.TimeoutMs / 1000,
        )
        for tool in tools or ()
    )


def mcp_specs(servers: list[McpServer] | None) -> tuple[McpServerSpec, ...]:
    """The MCP servers."""
    return tuple(
        McpServerSpec(
            url=server.Url,
            headers=server.Headers,
            allowed=None if server.AllowedTools is None else tuple(server.AllowedTools),
            timeout_s=server.TimeoutMs / 1000,
        )
        for server in servers or ()
    )


def welcome_spec(welcome: WelcomeSpeech | None, *, speaks: bool) -> WelcomeSpec | None:
    """The welcome. Raises ApiError for a text where nothing is spoken."""
    if welcome is None:
        return None
    if welcome.Text is not None and not speaks:
        raise invalid("Mien.Welcome.Text", "Prompt instead, because AdvancedConfig.DisableTTS is set")
    return WelcomeSpec(
        text=welcome.Text or "",
        prompt=welcome.Prompt or "",
        priority=Priority(welcome.Priority),
        delay_s=welcome.DelayMs / 1000,
    )


def apology_spec(words: ApologyWords | None) -> ApologySpec:
    """What is said when an answer fails."""
    return ApologySpec() if words is None else ApologySpec(words.Enabled, (words.Text or "").strip())


def extras_update(update: ExtrasUpdate | None) -> spec.ExtrasUpdate | None:
    """What shall change on a running instance; None: nothing."""
    if update is None:
        return None
    return spec.ExtrasUpdate(
        tools=None if update.Tools is None else tool_specs(update.Tools),
        mcp_servers=None if update.McpServers is None else mcp_specs(update.McpServers),
        language=update.Language,
        apology=None if update.Apology is None else apology_spec(update.Apology),
    )

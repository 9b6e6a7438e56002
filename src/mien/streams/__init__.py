"""A digital human in a room that is driven from outside: by text, by sound, by a stream, by a WebSocket."""
